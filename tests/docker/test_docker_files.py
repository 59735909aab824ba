"""What stands in docker/: as the rooms have it, and as strict as it should be."""

import importlib
import os
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from collector.bootstrap.settings import BootstrapSettings
from dashboards.air_alerts import INFLUX_UID
from runtime.health_check import PORT
from runtime.settings import environment_name

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
DOCKERFILES = (DOCKER / "Dockerfile", DOCKER / "flink.Dockerfile")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
ROOMS = ("scraper", "collector", "app_predict", "live_page", "flink_jobs", "local_stack")
KAFKA_CLIENTS = ("setup", "flink", "collector", "predictor", "scraper", "scraper-of-recording", "command")
INFLUX_CLIENTS = ("setup", "collector", "predictor", "live-page", "command")


def compose(name):
    return yaml.safe_load((DOCKER / name).read_text())


def environment_of(name):
    """Every variable that a compose file gives its services, by service."""
    services = compose(name)["services"]
    return {service: dict(each.get("environment") or {}) for service, each in services.items()}


def known_settings():
    settings = [importlib.import_module(f"{room}.settings").Settings for room in ROOMS]
    return {
        environment_name(each, field)
        for each in (*settings, BootstrapSettings)
        for field in each.model_fields
    }


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_finds_nothing(path):
    hadolint = Path(sys.executable).parent / "hadolint"
    ended = subprocess.run([hadolint, path], capture_output=True, text=True, check=False)

    assert ended.stdout == ""
    assert ended.returncode == 0


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_a_dockerfile_has_what_every_image_needs(path):
    text = path.read_text()

    assert f"ARG VERSION={VERSION}" in text
    assert re.search(r"^USER \d{4,5}:\d{4,5}$", text, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["', text, re.MULTILINE)
    assert "HEALTHCHECK" in text
    assert "org.opencontainers.image.licenses" in text


def test_every_setting_in_a_dockerfile_is_one_of_a_room():
    named = set(
        re.findall(
            r"\b((?:SCRAPER|COLLECTOR|LIVE_PAGE|APP_PREDICT|FLINK_JOBS)_[A-Z_]+)=", DOCKERFILES[0].read_text()
        )
    )

    assert named
    assert named <= known_settings()


def test_the_health_port_of_the_images_is_the_one_that_is_asked():
    ports = set(re.findall(r"_METRICS_PORT=(\d+)", DOCKERFILES[0].read_text()))

    assert ports == {str(PORT)}


def test_an_image_is_built_from_what_is_listed_and_nothing_else():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]

    assert lines[0] == "*"
    assert all(line.startswith(("!", "**/")) for line in lines[1:])
    rooms = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {f"!{room}" for room in rooms["packages"]} <= set(lines)


@pytest.mark.parametrize("name", ["compose.yaml", "compose.tls.yaml"])
def test_every_setting_in_compose_is_one_of_a_room(name):
    prefixes = tuple(f"{room.upper()}_" for room in (*ROOMS, "bootstrap"))
    named = {key for each in environment_of(name).values() for key in each if key.startswith(prefixes)}

    assert named
    assert named <= known_settings()


def test_every_service_of_compose_is_held_tight():
    for name, service in compose("compose.yaml")["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not re.search(r":latest|:-[^}]*[^}\d.]latest", service["image"]), name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name


def test_no_password_stands_in_compose():
    for name in ("compose.yaml", "compose.tls.yaml"):
        for service, variables in environment_of(name).items():
            secret = {key: value for key, value in variables.items() if re.search("PASSWORD|TOKEN", key)}
            assert all(str(value).startswith("/secrets/") for value in secret.values()), service


@pytest.mark.parametrize("path", ["grafana/datasources", "grafana-tls"])
def test_the_alerts_ask_the_data_source_that_compose_provisions(path):
    (file,) = (DOCKER / path).glob("*.yaml")
    sources = yaml.safe_load(file.read_text())["datasources"]

    assert INFLUX_UID in [each["uid"] for each in sources]
    assert any(
        "provisioning/alerting" in each for each in compose("compose.yaml")["services"]["grafana"]["volumes"]
    )


def test_tls_leaves_no_hop_in_the_open():
    tls = environment_of("compose.tls.yaml")

    for client in KAFKA_CLIENTS:
        protocols = {value for key, value in tls[client].items() if key.endswith("KAFKA_SECURITY_PROTOCOL")}
        assert protocols == {"SASL_SSL"}, client
    for client in INFLUX_CLIENTS:
        urls = {value for key, value in tls[client].items() if key.endswith("INFLUX_URL")}
        assert urls == {"https://influxdb:8086"}, client
    for client in ("scraper", "scraper-of-recording", "command"):
        urls = {value for key, value in tls[client].items() if key.endswith("REDIS_URL")}
        assert urls == {"rediss://valkey:6379/0"}, client


def test_the_first_start_makes_every_secret_once_and_hides_it(tmp_path):
    make_secrets(tmp_path)
    before = contents(tmp_path)
    make_secrets(tmp_path)

    assert contents(tmp_path) == before
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        if path != tmp_path / "ca" / "ca.crt":
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    passwords = {text for path, text in before.items() if path.endswith("password") and "/kafka/" not in path}
    assert all(len(password) >= 32 for password in passwords)


def test_the_broker_has_a_user_for_every_client(tmp_path):
    made = make_secrets(tmp_path)
    broker = {path.stem: path.read_text() for path in (tmp_path / "kafka").glob("*.password")}
    clients = {path.parent.name: path.read_text() for path in tmp_path.glob("*/kafka.password")}

    assert made
    assert clients.items() <= broker.items()


def test_the_bootstraps_tokens_are_handed_to_whom_they_are_for(tmp_path):
    make_secrets(tmp_path)
    tokens = tmp_path / "setup" / "tokens"
    tokens.mkdir()
    for generation in ("first", "second"):
        for name in ("collector", "predictor", "grafana", "reader"):
            (tokens / f"{name}.token").unlink(missing_ok=True)
            (tokens / f"{name}.token").write_text(f"{generation} of {name}")
        make_secrets(tmp_path, "--hand-over")

    assert (tmp_path / "collector" / "influx.token").read_text() == "second of collector"
    assert (tmp_path / "command" / "secrets" / "reader.token").read_text() == "second of reader"


def make_secrets(folder, *options):
    command = [sys.executable, DOCKER / "first_start.py", folder, *(options or ("--tls",))]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout.split()


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes().decode()
        for path in folder.rglob("*")
        if path.is_file()
    }

"""Which Grafana is taken and what it is told; none is to be had here, so no real one is started."""

import json

import pytest

from contracts.errors import UnavailableError
from local_stack.grafana import (
    DASHBOARDS,
    DASHBOARDS_PATH,
    TOKEN_PATH,
    grafana_command,
    grafana_environment,
    grafana_home,
    password_file,
    prepare_grafana,
)
from local_stack.install import Installed
from local_stack.programs import services
from local_stack.settings import Settings


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path / "stack")


@pytest.fixture
def home(tmp_path):
    """The folder of an unpacked Grafana, as far as we look at it."""
    program = tmp_path / "grafana-13.2.0" / "bin" / "grafana"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (program.parents[1] / "conf").mkdir()
    (program.parents[1] / "conf" / "defaults.ini").touch()
    return program.parents[1]


def texts_of(settings):
    folder = settings.grafana_dir / "provisioning"
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*.*")}


def test_the_named_home_is_taken_before_the_path(home, tmp_path):
    assert grafana_home({"GRAFANA_HOME": str(home), "PATH": str(tmp_path)}) == home


def test_a_grafana_on_the_path_is_found_through_links(home, tmp_path):
    (tmp_path / "grafana").symlink_to(home / "bin" / "grafana")

    assert grafana_home({"PATH": str(tmp_path)}) == home


def test_without_one_there_is_none(tmp_path):
    assert grafana_home({"PATH": str(tmp_path)}) is None


def test_a_home_that_is_none_is_named_with_the_remedy(tmp_path):
    with pytest.raises(UnavailableError, match="GRAFANA_HOME=.* has no bin/grafana.*unset GRAFANA_HOME"):
        grafana_home({"GRAFANA_HOME": str(tmp_path), "PATH": ""})


def test_it_is_provisioned_with_the_paths_of_this_machine(settings):
    prepare_grafana(settings)
    texts = texts_of(settings)

    assert not [name for name, text in texts.items() if TOKEN_PATH in text or DASHBOARDS_PATH in text]
    assert f"$__file{{{settings.secrets_dir / 'grafana.token'}}}" in texts["datasources/luftstrom.yaml"]
    assert f"path: {DASHBOARDS}" in texts["dashboards/luftstrom.yaml"]
    assert json.loads(texts["alerting/luftstrom-air.json"])["groups"]
    assert list(DASHBOARDS.glob("luftstrom-*.json"))


def test_what_an_older_version_wrote_is_gone(settings):
    old = settings.grafana_dir / "provisioning" / "datasources" / "old.yaml"
    old.parent.mkdir(parents=True)
    old.touch()
    prepare_grafana(settings)

    assert not old.exists()


def test_its_password_is_made_once_and_for_its_owner_alone(settings):
    prepare_grafana(settings)
    first = password_file(settings).read_text()
    prepare_grafana(settings)

    assert len(first) >= 32
    assert password_file(settings).read_text() == first
    assert password_file(settings).stat().st_mode & 0o777 == 0o600
    assert first not in str(grafana_environment(settings))


def test_it_listens_on_loopback_and_keeps_its_data_in_the_stacks_folder(settings, home):
    environment = grafana_environment(settings)
    folders = [value for name, value in environment.items() if name.startswith("GF_PATHS_")]

    assert environment["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert all(folder.startswith(str(settings.data_dir)) for folder in folders)
    assert grafana_command(home)[0] == str(home / "bin" / "grafana")


def test_the_alerts_go_to_whom_the_settings_name(settings):
    environment = grafana_environment(settings.model_copy(update={"alert_email": "air@example.org"}))

    assert environment["LUFTSTROM_ALERT_EMAIL"] == "air@example.org"
    assert environment["LUFTSTROM_ALERT_WEBHOOK_URL"] == "http://localhost"


@pytest.mark.parametrize("has_one", [True, False])
def test_the_stack_has_one_where_the_machine_does(settings, home, monkeypatch, tmp_path, has_one):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("GRAFANA_HOME", raising=False)
    if has_one:
        monkeypatch.setenv("GRAFANA_HOME", str(home))
    folder = tmp_path
    installed = Installed(folder, folder, folder, folder, folder, folder, folder)
    names = [program.name for program in services(installed, settings)]

    assert ("grafana" in names) is has_one

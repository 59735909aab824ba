"""Each alert on the pipeline fires when it should, is quiet when not, names real metrics, has its page."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from contracts.errors import UnavailableError
from dashboards.generated_files import ROOM, generated_files
from local_stack.install.prometheus import install_prometheus
from local_stack.settings import Settings
from tests.dashboards.filled_metrics import FLINK_METRICS, names_of_rooms

HERE = Path(__file__).parent
ROOT = ROOM.parent
RULES = ROOM / "provisioning" / "prometheus" / "luftstrom.rules.yml"
RULE_TESTS = sorted(HERE.glob("*rules*_test.yml"))
ALERTS = re.findall(r"- alert: (\w+)", RULES.read_text())
# InfluxDB's own; the integration test asks a real one for them.
OF_INFLUXD = {
    "influxdb_info", "go_memstats_sys_bytes", "storage_shard_disk_size", "storage_writer_dropped_points_sum",
    "storage_writer_err_points_sum",
}  # fmt: skip
WORDS = {"and", "or", "on", "by", "offset", "group_left"}


def metrics_in(expr):
    """Names of series in PromQL: neither functions nor labels, strings or words of the language."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(by|on|group_left)\s*\([^)]*\)|offset \w+', " ", expr)
    return set(re.findall(r"\b([a-zA-Z_]\w*)\b(?!\s*\()", bare)) - WORDS


def expressions():
    for path, text in generated_files().items():
        if path.parent.name == "generated":
            for panel in json.loads(text)["panels"]:
                for target in panel.get("targets", []):
                    if "expr" in target:
                        yield pytest.param(
                            target["expr"], id=f"{path.stem}: {panel['title']} {target['refId']}"
                        )
    for name, expr in re.findall(
        r"- alert: (\w+)\n\s+expr: \|?\s*(.*?)\n\s+(?:for|labels):", RULES.read_text(), re.S
    ):
        yield pytest.param(expr, id=name)


@pytest.fixture(scope="module")
def known_metrics():
    flink = set(re.findall(r"^(\w+)", FLINK_METRICS.read_text(), re.MULTILINE))
    return names_of_rooms() | flink | OF_INFLUXD


def ran(command):
    return subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("expr", list(expressions()))
def test_an_expression_names_only_metrics_that_are_served(expr, known_metrics):
    assert metrics_in(expr)
    assert metrics_in(expr) <= known_metrics


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_is_shown_firing_and_shown_quiet(alert):
    tests = "".join(path.read_text() for path in RULE_TESTS)

    assert re.search(rf"alertname: {alert}, exp_alerts: \[\]", tests)
    assert re.search(rf"alertname: {alert}\n\s+exp_alerts:\n\s+- {{exp_labels", tests)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_page_of_what_it_means_and_what_to_do(alert):
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", alert).lower()
    page = (ROOT / "docs" / "runbooks" / f"alert-{name}.md").read_text()

    assert f"runbook: docs/runbooks/alert-{name}.md" in RULES.read_text()
    assert page.startswith(f"# {alert}\n")
    assert "## What it means" in page
    assert "## What to do" in page


@pytest.mark.integration
@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.name)
def test_the_rules_do_what_their_tests_say(path, promtool):
    ended = ran([promtool, "test", "rules", path.name])

    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.integration
def test_prometheus_takes_its_configuration_and_rules(promtool):
    config = ROOM / "provisioning" / "prometheus.yml"
    ended = ran([promtool, "check", "config", str(config)])

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{len(ALERTS)} rules found" in ended.stdout


def test_a_prometheus_beside_the_stack_asks_at_its_ports():
    ports = set(re.findall(r"127\.0\.0\.1:(\d+)", (ROOM / "provisioning" / "prometheus.yml").read_text()))
    settings = Settings.model_fields

    assert ports == {
        str(settings[f"{name}_port"].default)
        for name in ("scraper_metrics", "collector_metrics", "predictor_metrics", "flink_metrics", "influxd")
    }


def test_what_cannot_be_fetched_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("LUFTSTROM_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", "")

    with pytest.raises(UnavailableError, match="apt install prometheus"):
        install_prometheus(lambda _line: None)

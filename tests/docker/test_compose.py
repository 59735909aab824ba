"""The whole system by compose, with TLS and users on every hop, on Docker's own engine.

Real: the engine, compose, both of its files, our images, Kafka, InfluxDB, Redis, Prometheus, a recording.
Stood in for, as no test reaches a registry: the images of these servers, and Grafana (`stand_ins`).
"""

import json
import os
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from contracts.errors import UnavailableError
from tests.docker.engine import install_engine, running_engine
from tests.docker.server_images import GRAFANA, SERVERS, build_grafana, build_servers

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(1800)]

HERE, DOCKER = Path(__file__).parent, Path(__file__).parents[2] / "docker"
OURS = ("scraper", "collector", "app-predict", "live-page", "command", "flink-jobs")
PROFILE = "recording"
COMPOSE = [
    "docker-compose", "--ansi", "never", "-p", "luftstrom", "-f", str(DOCKER / "compose.yaml"),
    "-f", str(DOCKER / "compose.tls.yaml"), "--profile", PROFILE,
]  # fmt: skip
GIVEN = {
    "LUFTSTROM_VERSION": "test",
    **{f"{name}_IMAGE": SERVERS for name in ("KAFKA", "VALKEY", "INFLUXDB", "PROMETHEUS")},
    "GRAFANA_IMAGE": GRAFANA,
    "POLL_INTERVAL_S": "5",
}
END_BY_THEMSELVES = {"first-start", "setup"}
HEALTHY_LIMIT_S = 600


class System:
    """The services of compose on an engine."""

    def __init__(self, engine):
        self._engine = engine

    def compose(self, *arguments, check=True):
        return self._engine.run(*COMPOSE, *arguments, environment=GIVEN, check=check)

    def states(self):
        """Each service's state, as the engine tells it."""
        names = self.compose("ps", "--quiet").stdout.split()
        told = json.loads(self._engine.run("docker", "inspect", *names).stdout)
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in told}

    def python(self, code, *, user):
        """Run it in the image of the command, within the network of the system."""
        return self._engine.run(
            "docker", "run", "--rm", "--interactive", "--network", "luftstrom_default", "--user", user,
            "--volume", "luftstrom_secrets:/secrets:ro", "--no-healthcheck", "--entrypoint", "python",
            "luftstrom/command:test", "-", text=code, check=False,
        )  # fmt: skip

    def reconciled(self):
        """What `reconcile` says; None while it cannot say."""
        said = self.compose("run", "--rm", "command", "reconcile", "--json", check=False).stdout
        return json.loads(said) if said.startswith("{") else None


@pytest.fixture(scope="module")
def system(builder, image):
    install_engine()
    with ExitStack() as stack:
        try:
            engine = stack.enter_context(running_engine(builder.folder / "engine"))
        except UnavailableError as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(error))  # the machine's kernel has not what it takes
        for name in (*map(image, OURS), build_servers(builder), build_grafana(builder)):
            engine.hand_over(builder, name)
        system = System(engine)
        system.compose("up", "--detach")
        stack.callback(system.compose, "down", "--volumes", "--timeout", "15")
        yield system


def services():
    """Those that compose starts with a recording."""
    declared = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    return {name for name, each in declared.items() if PROFILE in each.get("profiles", [PROFILE])}


def is_well(service, state):
    if service in END_BY_THEMSELVES:
        return state["Status"] == "exited" and state["ExitCode"] == 0
    return state["Running"] and state.get("Health", {"Status": "healthy"})["Status"] == "healthy"


def until(is_so, *, limit_s=HEALTHY_LIMIT_S):
    """What is so, once it is; what was last where it never is."""
    ends_at_s = time.monotonic() + limit_s
    while not (found := is_so()) and time.monotonic() < ends_at_s:
        time.sleep(1)
    return found


def test_every_service_is_healthy_and_none_began_twice(system):
    unwell = {}

    def are_all_well():
        nonlocal unwell
        unwell = {
            name: each["State"] for name, each in system.states().items() if not is_well(name, each["State"])
        }
        return not unwell

    assert until(are_all_well), {name: system.compose("logs", "--tail=20", name).stdout for name in unwell}
    states = system.states()
    assert set(states) == services()
    assert {name: each["RestartCount"] for name, each in states.items() if each["RestartCount"]} == {}


def test_a_reading_travels_to_influxdb(system):
    def is_there():
        told = system.reconciled()
        return told if told and sum(told["values"]["stored"].values()) else None

    told = until(is_there)

    assert told["values"]["published"] > 0
    assert sum(told["values"]["set_aside"].values()) == 0


def test_kafka_starts_again_with_what_it_has(system):
    before = system.reconciled()["values"]["published"]
    system.compose("restart", "kafka")

    assert until(lambda: (told := system.reconciled()) and told["values"]["published"] > before)


def test_every_hop_refuses_whoever_it_does_not_know(system):
    answers = json.loads(system.python((HERE / "hops.py").read_text(), user="0:0").stdout)
    refused = {name for name, answer in answers.items() if str(answer).startswith("refused: ")}

    assert {name.partition(",")[0] for name in answers} == {
        "kafka",
        "valkey",
        "influxdb",
        "prometheus",
        "grafana",
    }
    assert refused == {name for name in answers if not name.endswith(", right")}, answers


def test_a_service_reads_its_own_secrets_alone(system):
    ended = system.python("open('/secrets/grafana/grafana.password').read()", user="10005:10005")

    assert "PermissionError" in ended.stderr

"""`luftstrom doctor --kubernetes`: what kubectl says, judged; on a real API server in tests/kubernetes."""

import base64
import json
import subprocess
from datetime import UTC, datetime

import pytest

from contracts.topics import TOPICS
from luftstrom.deploy.running import output
from luftstrom.deploy.status import Part
from luftstrom.doctor.cluster import examine_cluster
from luftstrom.doctor.findings import Verdict

NOW_S = 1_800_000_000.0
DAY_S = 86_400
WELL_PARTS = [Part("Kafka", "luftstrom", "ready", is_well=True)]


def node(name="a", kubelet="v1.36.2", **conditions):
    states = {"Ready": "True"} | conditions
    return {
        "metadata": {"name": name},
        "status": {
            "nodeInfo": {"kubeletVersion": kubelet},
            "conditions": [{"type": kind, "status": status} for kind, status in states.items()],
        },
    }


def topic(each, **changed):
    return {"metadata": {"name": each.name}, "spec": {"config": each.config | changed}}


def certificate(days):
    """A certificate that ends in so many days, as a secret holds it."""
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=x", "-keyout", "/dev/null", "-days", str(days)],
        capture_output=True, check=True,
    )  # fmt: skip
    return base64.b64encode(made.stdout).decode()


def answers(**changed):
    """What a well cluster says to each command, by the words that tell it apart."""
    at = datetime.fromtimestamp(NOW_S - 60, UTC).isoformat()
    said = {
        "version --client": "Client Version: v1.37.1",
        "helm version": "v4.3.1",
        "/readyz": "ok",
        "version -o json": {
            "serverVersion": {"gitVersion": "v1.36.2"},
            "clientVersion": {"gitVersion": "v1.37.1"},
        },
        "get nodes": {"items": [node()]},
        "get kafkatopic": {"items": [topic(each) for each in TOPICS]},
        "get pvc": {"items": [{"metadata": {"name": "data-0"}, "status": {"phase": "Bound"}}]},
        "get secret luftstrom-influxdb-tokens": {"data": {"collector": "eA=="}},
        "get secret -o json": {"items": []},
        "get cronjob": at,
        "get flinkdeployment": {"items": [{"metadata": {"name": "luftstrom-all"}}]},
        "8081/jobs/1/checkpoints": {"latest": {"completed": {"latest_ack_timestamp": (NOW_S - 5) * 1000}}},
        "8081/jobs": {"jobs": [{"id": "1"}]},
        "/api/health": {"newest_at_s": NOW_S - 60, "issued_at_s": NOW_S - 600, "processes": []},
    } | changed

    def ask(command, *, given=None):
        line = " ".join(command)
        if command[0] == "openssl":
            return output(command, given=given)
        # The longest that fits: one may be a part of another.
        fitting = max((words for words in said if words in line), key=len)
        found = said[fitting]
        return found if found is None or isinstance(found, str) else json.dumps(found)

    return ask


def examined(parts=WELL_PARTS, **changed):
    return {each.what: each for each in examine_cluster(NOW_S, answers(**changed), lambda: parts)}


def test_a_well_cluster_is_well_all_over():
    found = examined()

    assert {name: each for name, each in found.items() if each.verdict is not Verdict.WELL} == {}
    assert {"nodes", "topics", "volumes", "tokens", "last poll", "checkpoint of luftstrom-all"} <= set(found)
    assert {"last value", "last forecast", "versions", "parts"} <= set(found)


def test_without_a_cluster_that_is_all_there_is_to_say():
    found = examined(**{"/readyz": None})

    assert list(found) == ["kubectl", "helm", "cluster"]
    assert found["cluster"].verdict is Verdict.ILL


def topics(*specs):
    return {"get kafkatopic": {"items": list(specs)}}


def health(newest_at_s=NOW_S, issued_at_s=NOW_S, **process):
    processes = [{"is_ready": False, **process}] if process else []
    told = {"newest_at_s": newest_at_s, "issued_at_s": issued_at_s, "processes": processes}
    return {"/api/health": told}


TOKENS, CHECKPOINTS = "get secret luftstrom-influxdb-tokens", "8081/jobs/1/checkpoints"
FIRST, *OTHERS = TOPICS
ILL = [
    ({"version --client": None}, "kubectl", "not there"),
    ({"helm version": "v3.9.0"}, "helm", "v3.9.0"),
    ({"get nodes": {"items": [node(Ready="False")]}}, "nodes", "a: not ready"),
    ({"get nodes": {"items": [node(DiskPressure="True")]}}, "nodes", "a: DiskPressure"),
    (topics(*map(topic, OTHERS)), "topics", f"missing: {FIRST.name}"),
    (
        topics(topic(FIRST, **{"retention.bytes": 1}), *map(topic, OTHERS)),
        "topics",
        f"settings: {FIRST.name}",
    ),
    ({"get pvc": {"items": [{"metadata": {"name": "data-0"}}]}}, "volumes", "not bound: data-0"),
    ({TOKENS: None}, "tokens", "no secret"),
    ({TOKENS: {}}, "tokens", "empty"),
    ({"get cronjob": "2020-01-01T00:00:00Z"}, "last poll", "at most 900"),
    ({"get cronjob": ""}, "last poll", "none has succeeded yet"),
    ({CHECKPOINTS: {"latest": {"completed": None}}}, "checkpoint of luftstrom-all", "none is complete"),
    (health(newest_at_s=0), "last value", "at most"),
    (health(issued_at_s=None), "last forecast", "there is none"),
    (health(name="collector", because="no store"), "collector", "no store"),
]


@pytest.mark.parametrize(("changed", "what", "told"), ILL)
def test_what_is_ill_is_told_with_what_to_do_next(changed, what, told):
    found = examined(**changed)[what]

    assert found.verdict is Verdict.ILL
    assert told in found.detail
    assert found.remedy


def test_a_part_that_is_not_well_is_told_by_its_name():
    found = examined(
        parts=[*WELL_PARTS, Part("FlinkDeployment", "luftstrom-all", "FAILED: no image", is_well=False)]
    )

    assert found["FlinkDeployment luftstrom-all"].detail == "FAILED: no image"
    assert "describe flinkdeployment" in found["FlinkDeployment luftstrom-all"].remedy


@pytest.mark.parametrize("kubelet", ["v1.32.0", "v1.37.0"])
def test_a_node_of_a_version_that_does_not_go_with_the_server_is_doubtful(kubelet):
    assert (
        examined(**{"get nodes": {"items": [node(kubelet=kubelet)]}})["versions"].verdict is Verdict.DOUBTFUL
    )


def test_a_kubectl_of_a_version_that_does_not_go_with_the_server_is_doubtful():
    versions = {"serverVersion": {"gitVersion": "v1.33.1"}, "clientVersion": {"gitVersion": "v1.37.1"}}

    assert examined(**{"version -o json": versions})["versions"].verdict is Verdict.DOUBTFUL


def test_what_does_not_answer_is_left_unasked():
    found = examined(**{"8081/jobs": None, "/api/health": None})

    assert found["checkpoint of luftstrom-all"].verdict is Verdict.UNASKED
    assert found["last value, last forecast"].verdict is Verdict.UNASKED


def test_certificates_are_judged_by_their_end(monkeypatch):
    ends_at_s = datetime.now(UTC).timestamp() + 10 * DAY_S
    monkeypatch.setattr("tests.luftstrom.test_doctor_of_cluster.NOW_S", ends_at_s - 10 * DAY_S)
    secrets = {"items": [
        {"metadata": {"name": "broker"}, "data": {"tls.crt": certificate(10)}},
        {"metadata": {"name": "other"}, "data": {"tls.crt": "bm9uZQ=="}},
    ]}  # fmt: skip
    found = examined(**{"get secret -o json": secrets})

    assert found["certificate broker/tls.crt"].verdict is Verdict.DOUBTFUL
    assert "good for 10 days" in found["certificate broker/tls.crt"].detail

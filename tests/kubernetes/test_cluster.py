"""The chart on a real kube-apiserver, scheduler and controller-manager, with the operators' definitions.

Nodes and operators are stood in for (`fake_nodes`, `fake_operators`): what is placed where, what is accepted,
what an upgrade changes and what an account may do is real.
"""

import json
import os
import time
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from luftstrom.__main__ import app
from luftstrom.deploy.outcome import bring_up
from luftstrom.deploy.plan import Deployment, namespaces, steps_down
from luftstrom.deploy.platform import KUBERNETES, PROFILES, read_platform
from luftstrom.deploy.running import run_steps
from tests.kubernetes.fake_nodes import running_nodes
from tests.kubernetes.fake_operators import SAVEPOINT, running_operators
from tests.kubernetes.rendering import (
    BUCKET_OF_OTHERS,
    CHART,
    SERVERS_OF_OTHERS,
    helm,
    of_kind,
    profile_arguments,
    rendered,
    rendered_text,
)

# The first run builds what it runs.
pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(3600)]

PLATFORM = read_platform()
GIB = 1024**2  # in Ki
PLACED_LIMIT_S = 60.0
# What Kubernetes itself asks for on a minikube: the control plane's node, and calico and proxy on each.
CONTROL_PLANE_KI, NODE_KI = int(1.2 * GIB), int(0.2 * GIB)
CONTROL_PLANE_CPU_M, NODE_CPU_M = 750, 250


@pytest.fixture(scope="module")
def api(cluster, tools):
    """The cluster with the namespaces of every profile, and the tools on PATH and told where it is."""
    for profile in PROFILES:
        ended = cluster.kubectl("apply", "--server-side", "-f", "-", text=namespaces(PLATFORM, profile))
        assert ended.returncode == 0, ended.stderr
    return cluster


@pytest.fixture
def deploy_tools(api, tools, monkeypatch):
    monkeypatch.setenv("PATH", f"{tools.helm.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig))


def applied(api, text, namespace="luftstrom"):
    """What the server says to a manifest that is checked in full, and kept nothing of."""
    return api.kubectl(
        "apply",
        "-n",
        namespace,
        "--server-side",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        "-",
        text=text,
    )


@pytest.mark.parametrize("chosen", [*((each,) for each in PROFILES), ("default", *BUCKET_OF_OTHERS)])
def test_the_server_accepts_a_profile_and_warns_of_nothing(api, chosen):
    ended = applied(api, rendered_text(*chosen))

    assert ended.returncode == 0, ended.stderr
    assert "Warning" not in ended.stderr
    assert ended.stdout.count("serverside-applied") == len(rendered(*chosen))


def test_the_server_accepts_it_with_servers_of_others(api):
    ended = applied(api, rendered_text("default", *SERVERS_OF_OTHERS))

    assert ended.returncode == 0, ended.stderr
    assert "Warning" not in ended.stderr
    assert not {"Kafka", "KafkaUser"} & {each["kind"] for each in rendered("default", *SERVERS_OF_OTHERS)}


def test_the_authority_and_the_checks_of_the_deployment_are_accepted(api):
    for path in (KUBERNETES / "issuer.yaml", *(KUBERNETES / "checks").glob("*.yaml")):
        ended = applied(
            api, path.read_text(), namespace="cert-manager" if "issuer" in path.name else "luftstrom"
        )
        assert ended.returncode == 0, ended.stderr
        assert "Warning" not in ended.stderr


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("partitions: 4", "partitions: 0", "spec.partitions"),
        ("type: scram-sha-512", "type: password", "spec.kafka.listeners"),
        ("upgradeMode: last-state", "upgradeMode: lst", "spec.job.upgradeMode"),
        ("flinkVersion: v2_2", "flinkVersion: v9_9", "spec.flinkVersion"),
        ("parallelism: 1", "paralelism: 1", ".spec.job.paralelism: field not declared"),
        ("podMetricsEndpoints", "podMetricEndpoints", ".spec.podMetricEndpoints: field not declared"),
        ("scaleTargetRef: {name", "scaleTarget: {name", ".spec.scaleTarget: field not declared"),
    ],
)
def test_the_server_refuses_what_an_operator_could_not_use(api, right, wrong, said):
    document = next(text for text in rendered_text("default").split("\n---\n") if right in text)

    ended = applied(api, document.replace(right, wrong))

    assert ended.returncode != 0
    assert said in ended.stderr


def test_a_pod_that_may_become_root_is_not_let_into_our_namespace(api):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root"},
           "spec": {"containers": [{"name": "root", "image": "x:1"}]}}  # fmt: skip
    ended = applied(api, json.dumps(pod))

    assert ended.returncode != 0
    assert 'violates PodSecurity "restricted:latest"' in ended.stderr


def memory_of(profile):
    """What is left of each node of the profile's minikube."""
    size = PLATFORM.minikube.size_by_profile[profile]
    there = size.memory_mib * 1024
    return {
        f"{profile}-{number}": f"{there - NODE_KI - (CONTROL_PLANE_KI if number == 0 else 0)}Ki"
        for number in range(size.nodes)
    }


def cpu_of(profile):
    """Of each node, with the part of Kubernetes itself shared out evenly."""
    size = PLATFORM.minikube.size_by_profile[profile]
    return f"{size.cpus * 1000 - NODE_CPU_M - CONTROL_PLANE_CPU_M // size.nodes}m"


@contextmanager
def nodes_of(api, profile):
    """The profile's nodes, the only ones that take pods, with the operators' pods on them."""
    others = [each["metadata"]["name"] for each in api.items("/api/v1/nodes")]
    with running_nodes(api, memory_of(profile), cpu=cpu_of(profile)):
        for name in others:
            api.ask("PATCH", f"/api/v1/nodes/{name}", {"spec": {"unschedulable": True}})
        for release in PLATFORM.releases_of(profile):
            make_operator_pods(api, release, profile)
        yield
        for release in PLATFORM.releases_of(profile):
            api.kubectl("-n", release.namespace, "delete", "pods", "-l", f"profile={profile}", "--wait=false")
        for name in others:
            api.ask("PATCH", f"/api/v1/nodes/{name}", {"spec": {"unschedulable": False}})


def make_operator_pods(api, release, profile):
    path = f"/api/v1/namespaces/{release.namespace}/pods"
    requests = {name: release.requests[name] for name in ("cpu", "memory")}
    security = {
        "allowPrivilegeEscalation": False, "runAsNonRoot": True, "runAsUser": 10001,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    container = {
        "name": "operator", "image": "operator:1", "resources": {"requests": requests},
        "securityContext": security,
    }  # fmt: skip
    for number in range(release.requests["pods"]):
        metadata = {"name": f"{release.name}-{profile}-{number}", "labels": {"profile": profile}}
        api.ask("POST", path, {"metadata": metadata, "spec": {"containers": [container]}})


def pods_without_node(api):
    pods = [each for each in api.items("/api/v1/pods") if each["status"]["phase"] != "Succeeded"]
    return {each["metadata"]["name"]: each["status"] for each in pods if not each["spec"].get("nodeName")}


def require_nodes_for_all(api):
    """Every pod has a node, now or soon: a conflict over a claim is tried again by the scheduler."""
    ends_at_s = time.monotonic() + PLACED_LIMIT_S
    while (homeless := pods_without_node(api)) and time.monotonic() < ends_at_s:
        time.sleep(0.2)
    assert homeless == {}


def run_helm(api, *arguments):
    ended = helm(*arguments, kubeconfig=api.kubeconfig)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def kept_state(api, namespace, profile):
    """Everything of the release but what the cluster itself writes."""
    kinds = sorted({each["kind"].lower() for each in rendered(profile)})
    said = api.kubectl(
        "-n", namespace, "get", ",".join(kinds), "-l", "app.kubernetes.io/part-of=luftstrom", "-o", "json"
    )
    assert said.returncode == 0, said.stderr
    state = {}
    for each in json.loads(said.stdout)["items"]:
        metadata = {key: each["metadata"].get(key) for key in ("labels", "annotations", "generation", "uid")}
        (metadata["annotations"] or {}).pop("deployment.kubernetes.io/revision", None)
        rest = {key: value for key, value in each.items() if key not in {"metadata", "status"}}
        if not each["metadata"].get("ownerReferences"):  # jobs of the CronJob come and go
            state[each["kind"], each["metadata"]["name"]] = (metadata, rest)
    return state


@pytest.fixture(scope="module")
def installed(api, tools):
    """The profile `default` on its three nodes, brought up by `luftstrom deploy` itself."""
    environment = {
        "PATH": f"{tools.helm.parent}{os.pathsep}{os.environ['PATH']}",
        "KUBECONFIG": str(api.kubeconfig),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        with nodes_of(api, "default"), running_operators(api, "luftstrom"):
            told = []
            bring_up(PLATFORM, WANTED, told.append)
            yield told
            run_steps(steps_down(PLATFORM, WANTED, wipe=False), told.append)
            assert_only_data_is_left(api)


# No poll comes in between.
SELDOM = "scraper.schedule=0 0 1 1 *"
WANTED = Deployment(
    profile="default", contact="somebody@example.org", has_platform=False, limit_s=240, sets=(SELDOM,)
)


def assert_only_data_is_left(api):
    """After `down`: volumes, generated secrets, tokens, Kafka with its topics, and where the state lies."""
    left = of_everything(api)
    assert {"Deployment", "StatefulSet", "CronJob", "FlinkDeployment", "NetworkPolicy"}.isdisjoint(left)
    assert left["KafkaTopic"] == set(of_kind(rendered("default"), "KafkaTopic"))
    generated = ("influxdb-operator", "influxdb-tokens", "object-store", "valkey")
    assert left["Secret"] >= {f"luftstrom-{name}" for name in generated}
    assert "data-luftstrom-influxdb-0" in left["PersistentVolumeClaim"]
    kept = api.ask("GET", "/api/v1/namespaces/luftstrom/configmaps/luftstrom-savepoints-all")
    assert kept["data"]["path"] == SAVEPOINT


def of_everything(api):
    kinds = (
        "deployment,statefulset,cronjob,flinkdeployment,networkpolicy,kafkatopic,secret,persistentvolumeclaim"
    )
    said = api.kubectl("-n", "luftstrom", "get", kinds, "-o", "json")
    left = {}
    for each in json.loads(said.stdout)["items"]:
        left.setdefault(each["kind"], set()).add(each["metadata"]["name"])
    return left


def test_deploy_brings_the_default_profile_up_and_says_where_it_is(api, installed):
    tested = next(number for number, line in enumerate(installed) if line.endswith("helm test"))

    assert "done in" in installed[tested + 1]
    assert any("port-forward svc/prometheus-grafana" in line for line in installed)


def test_three_nodes_of_3_cpu_and_6_gib_hold_the_default_profile_and_its_operators(api, installed):
    pods = api.items("/api/v1/pods")

    require_nodes_for_all(api)
    # Brokers are apart, for the data's sake.
    brokers = {
        each["spec"]["nodeName"] for each in pods if each["metadata"]["name"].startswith("luftstrom-dual-")
    }
    assert len(brokers) == 3


def test_deploy_status_tells_of_each_part(api, installed, deploy_tools):
    ended = CliRunner().invoke(app, ["deploy", "status", "--json"])
    parts = {(part["kind"], part["name"]): part for part in json.loads(ended.stdout)}

    assert ended.exit_code == 0
    assert parts["Kafka", "luftstrom"]["state"] == "ready"
    assert parts["FlinkDeployment", "luftstrom-all"]["state"] == "RUNNING"
    assert parts["KafkaUser", "all"]["state"] == "6 of 6 ready"


def test_the_doctor_looks_at_the_cluster_and_at_each_part(api, installed, deploy_tools):
    ended = CliRunner().invoke(app, ["doctor", "--kubernetes", "--json"])
    verdicts = {each["what"]: each["verdict"] for each in json.loads(ended.stdout)["findings"]}

    well = ("kubectl", "helm", "versions", "nodes", "parts", "topics", "volumes", "tokens", "certificates")
    assert {verdicts[what] for what in well} == {"well"}
    assert verdicts["last poll"] == "ill"  # the schedule of this test is once a year
    assert verdicts["checkpoint of luftstrom-all"] == "unasked"  # no container runs on these nodes
    assert ended.exit_code == 1


def test_grafana_gets_its_token_and_no_other(api, installed):
    secret = api.ask("GET", "/api/v1/namespaces/monitoring/secrets/luftstrom-grafana-token")

    assert set(secret["data"]) == {"grafana-token"}


def test_a_second_upgrade_changes_nothing(api, installed):
    before = kept_state(api, "luftstrom", "default")
    run_helm(
        api, "upgrade", "luftstrom", str(CHART), "-n", "luftstrom", "--wait", "--timeout", "4m",
        *profile_arguments("default", SELDOM),
    )  # fmt: skip
    after = kept_state(api, "luftstrom", "default")

    assert len(before) > 100
    assert {key for key in before | after if before.get(key) != after.get(key)} == set()


# Who may do what; everything else that is asked here is refused.
ASKED = [
    (verb, resource, group, name)
    for resource, group, name in (
        ("secrets", "", ""), ("secrets", "", "luftstrom-influxdb-tokens"),
        ("secrets", "", "luftstrom-influxdb-operator"),
        ("pods", "", ""), ("configmaps", "", ""), ("services", "", ""), ("deployments", "apps", ""),
        ("nodes", "", ""), ("roles", "rbac.authorization.k8s.io", ""), ("kafkausers", "kafka.strimzi.io", ""),
    )
    for verb in ("get", "list", "watch", "create", "patch", "update", "delete")
]  # fmt: skip
ALL_VERBS = {"get", "list", "watch", "create", "patch", "update", "delete"}
MAY = {
    "luftstrom-default": {},
    "luftstrom-bootstrap": {("secrets", "luftstrom-influxdb-tokens"): {"get", "patch"}},
    "luftstrom-flink": {
        ("pods", ""): ALL_VERBS,
        ("configmaps", ""): ALL_VERBS,
        ("services", ""): {"get", "list", "watch"},
        ("deployments", ""): {"get", "list", "watch", "delete"},
    },
}


@pytest.mark.parametrize("account", MAY)
def test_an_account_may_do_what_is_meant_and_nothing_else(api, installed, account):
    allowed = {
        (resource, name, verb)
        for verb, resource, group, name in ASKED
        if api.may(account, verb, resource, namespace="luftstrom", group=group, name=name)
    }

    assert allowed == {(*what, verb) for what, verbs in MAY[account].items() for verb in verbs}


def test_no_account_of_ours_may_do_anything_elsewhere(api, installed):
    for account in MAY:
        assert not any(
            api.may(account, verb, resource, namespace="kube-system")
            for verb in ALL_VERBS
            for resource in ("secrets", "pods", "configmaps")
        )


def test_one_node_of_8_gib_holds_the_small_profile_from_install_to_uninstall(api):
    """Install, test, upgrade, roll back, uninstall in a namespace of its own; again on what was kept."""
    namespace, release = "small", ("luftstrom", "-n", "small")
    text = namespaces(PLATFORM, "small").replace("name: luftstrom", f"name: {namespace}")
    api.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=text)
    arguments = [*profile_arguments("small", SELDOM), "--wait", "--timeout", "4m"]
    with nodes_of(api, "small"), running_operators(api, namespace):
        run_helm(api, "install", *release, str(CHART), *arguments)
        require_nodes_for_all(api)
        run_helm(api, "test", *release, "--timeout", "2m")
        first = kept_state(api, namespace, "small")
        run_helm(
            api,
            "upgrade",
            *release,
            str(CHART),
            *arguments,
            "--set",
            "collector.settings.COLLECTOR_BATCH_LINES=7",
        )
        changed = {key for key, value in kept_state(api, namespace, "small").items() if value != first[key]}
        assert changed == {("Deployment", "luftstrom-collector")}
        run_helm(api, "rollback", *release, "1", "--wait", "--timeout", "4m")
        assert without_generation(kept_state(api, namespace, "small")) == without_generation(first)
        run_helm(api, "uninstall", *release, "--wait")
        run_helm(api, "install", *release, str(CHART), *arguments)
        again = kept_state(api, namespace, "small")
        # Whoever has the password of yesterday still comes in.
        for key in [("Secret", "luftstrom-valkey"), ("Secret", "luftstrom-influxdb-operator")]:
            assert again[key][1]["data"] == first[key][1]["data"]
        run_helm(api, "uninstall", *release, "--wait")


def without_generation(state):
    return {
        key: ({name: value for name, value in metadata.items() if name != "generation"}, rest)
        for key, (metadata, rest) in state.items()
    }

"""The chart as text: what it refuses, what every pod of it must be, and that its names are the contracts'."""

import ast
import json
import re
import subprocess

import pytest

from contracts.points import STORED_BY_TOPIC
from contracts.topics import TOPICS
from luftstrom.deploy.chart_files import CONTRACTS_FILE, contracts_text, copy_files, users
from luftstrom.deploy.values_table import values_table
from tests.kubernetes.binaries import ROOT
from tests.kubernetes.rendering import (
    CHART,
    CONTACT,
    KUBERNETES_VERSIONS,
    PROFILES,
    flink_pod_template,
    helm,
    of_kind,
    parsed,
    pod_specs,
    profile_arguments,
    refusal,
    rendered,
)

pytestmark = pytest.mark.kubernetes

WORKERS = {"Deployment", "StatefulSet", "FlinkDeployment"}


def pods(profile):
    return list(pod_specs(rendered(profile)))


def containers(profile):
    for name, kind, spec in pods(profile):
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            yield name, kind, spec, container


@pytest.mark.parametrize("profile", PROFILES)
def test_helm_finds_nothing_to_say_against_a_profile(profile):
    ended = helm("lint", "--strict", str(CHART), *profile_arguments(profile))

    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("kafka.replikas=3", "'replikas' not allowed"),
        ("kafka.replicas=0", "minimum"),
        ("kafka.storage.size=big", "does not match pattern"),
        ("image.tag=latest", "/image/tag"),
        ("influxdb.image=docker.io/library/influxdb:latest", "/influxdb/image"),
        ("influxdb.image=influxdb", "/influxdb/image"),
        ("image.digests.nobody=sha256:00", "nobody"),
        ("flink.jobs={sum}", "must be one of"),
        ("flink.upgradeMode=lst", "must be one of"),
        ("scraper.settings.COLLECTOR_BATCH_LINES=1", "does not match pattern"),
        ("collector.resources.limits.memory=null", "missing property 'memory'"),
        ("collector.keda.lagThreshold=0", "minimum"),
        ("scraper.schedule=often", "does not match pattern"),
        ("networkPolicies.apiServerCidr=everywhere", "does not match pattern"),
        ("flink.jobs={all,split}", "stands alone"),
        ("kafka.replicationFactor=5", "more than kafka.replicas"),
        ("kafka.minInSyncReplicas=4", "more than kafka.replicationFactor"),
        ("objectStore.enabled=false", "flink.state.s3.endpoint"),
        ("scraper.contact=", "wants to reach whoever reads its feed"),
        ("kafka.enabled=false", "kafka.external.bootstrapServers"),
        ("influxdb.enabled=false", "influxdb.external.url"),
        ("valkey.enabled=false", "valkey.external.url"),
        ("predictor.registryS3.url=models", "/predictor/registryS3/url"),
        ("predictor.registryS3.url=s3://models,predictor.registryClaim=models", "name one of them"),
        (
            "predictor.registryS3.url=s3://models,predictor.registryS3.endpoint=https://s3.example.org",
            "predictor.registryS3.existingSecret is needed",
        ),
        ("livePage.ingress.enabled=true", "livePage.ingress.host"),
        ("livePage.gateway.enabled=true", "livePage.gateway.host"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path_or_its_remedy(wrong, said):
    assert said in refusal(wrong)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_is_the_same_on_every_kubernetes(profile):
    one, *others = [rendered(profile, kube_version=version) for version in KUBERNETES_VERSIONS]

    # What is generated differs each time, for there is no cluster to ask.
    assert all(without_secrets(one) == without_secrets(other) for other in others)


def without_secrets(documents):
    return [each for each in documents if each["kind"] != "Secret"]


def test_a_kubernetes_that_is_too_old_is_refused():
    ended = helm("template", str(CHART), "--kube-version", "1.29.0", *profile_arguments("default"))

    assert "kubeVersion: >=1.30.0-0" in ended.stderr


@pytest.mark.parametrize("profile", PROFILES)
def test_every_pod_is_restricted(profile):
    for name, _, spec, container in containers(profile):
        pod, own = spec["securityContext"], container["securityContext"]
        assert pod["runAsNonRoot"] is True, name
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["runAsUser"] >= 9999, name
        assert own["allowPrivilegeEscalation"] is False, name
        assert own["capabilities"] == {"drop": ["ALL"]}, name
        assert own["readOnlyRootFilesystem"] is True, name
        assert not any("hostPath" in volume for volume in spec["volumes"]), name
        assert not spec.get("hostNetwork"), name
        assert spec["enableServiceLinks"] is False, name


@pytest.mark.parametrize("profile", PROFILES)
def test_every_container_asks_for_what_it_needs_and_has_a_limit_of_memory(profile):
    for name, _, _, container in containers(profile):
        resources = container["resources"]
        assert set(resources["requests"]) >= {"cpu", "memory"}, name
        assert "memory" in resources["limits"], name


@pytest.mark.parametrize("profile", PROFILES)
def test_every_process_that_stays_has_three_probes_and_time_to_stop(profile):
    for name, kind, spec, container in containers(profile):
        assert spec["terminationGracePeriodSeconds"] >= 5, name
        if kind in WORKERS:
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container), name
            assert spec["terminationGracePeriodSeconds"] >= 30, name


@pytest.mark.parametrize("profile", PROFILES)
def test_every_image_is_of_a_version_and_fetched_at_most_once(profile):
    for name, _, _, container in containers(profile):
        assert re.search(r"(:[A-Za-z0-9_.-]+|@sha256:[0-9a-f]{64})$", container["image"]), name
        assert not container["image"].endswith(":latest"), name
        assert container["imagePullPolicy"] == "IfNotPresent", name


def test_a_digest_wins_over_the_tag():
    digest = "sha256:" + "a" * 64
    documents = rendered("default", f"image.digests.collector={digest}", "image.registry=registry.example/")
    images = {c["image"] for _, _, spec in pod_specs(documents) for c in spec["containers"]}

    assert f"registry.example/luftstrom/collector@{digest}" in images


@pytest.mark.parametrize("profile", PROFILES)
def test_no_name_is_twice_in_an_environment(profile):
    for name, _, _, container in containers(profile):
        names = [each["name"] for each in container.get("env", [])]
        assert len(names) == len(set(names)), name


@pytest.mark.parametrize("profile", PROFILES)
def test_only_the_bootstrap_and_flink_may_ask_the_cluster(profile):
    asking = {name for name, _, spec in pods(profile) if spec["automountServiceAccountToken"]}

    assert {re.sub(r"-(bootstrap|all|split|aggregate)-.*", r"-\1", name) for name in asking} <= {
        "luftstrom-bootstrap", "luftstrom-all", "luftstrom-split", "luftstrom-aggregate",
    }  # fmt: skip


@pytest.mark.parametrize("profile", PROFILES)
def test_every_volume_is_mounted_and_every_mount_has_one(profile):
    documents = rendered(profile)
    claims = {
        each["metadata"]["name"]: {
            claim["metadata"]["name"] for claim in each["spec"]["volumeClaimTemplates"]
        }
        for each in of_kind(documents, "StatefulSet").values()
    }
    for name, _, spec in pod_specs(documents):
        volumes = {volume["name"] for volume in spec["volumes"]} | claims.get(name, set())
        mounted = {mount["name"] for each in spec["containers"] for mount in each["volumeMounts"]}
        assert volumes == mounted, name


@pytest.mark.parametrize("profile", PROFILES)
def test_what_scales_by_itself_has_no_count_of_its_own(profile):
    documents = rendered(profile)
    scaled = [each["spec"]["scaleTargetRef"]["name"] for kind in ("ScaledObject", "HorizontalPodAutoscaler")
              for each in of_kind(documents, kind).values()]  # fmt: skip
    deployments = of_kind(documents, "Deployment")

    assert all("replicas" not in deployments[name]["spec"] for name in scaled)
    assert all("replicas" in each["spec"] for name, each in deployments.items() if name not in scaled)


def test_no_password_is_in_the_values():
    text = (CHART / "values.yaml").read_text() + "".join(
        (CHART / "profiles" / f"{p}.yaml").read_text() for p in PROFILES
    )

    assert not re.findall(r"(?i)^\s*(password|token|secretkey|accesskey)\s*:\s*\S", text, re.MULTILINE)


def test_generated_secrets_are_long_and_never_twice_the_same():
    one, other = ({name: each["stringData"] for name, each in of_kind(parsed(text), "Secret").items()
                   if "stringData" in each} for text in (fresh_text(), fresh_text()))  # fmt: skip

    assert set(one) == {"luftstrom-influxdb-operator", "luftstrom-object-store", "luftstrom-valkey"}
    for name, data in one.items():
        for key, value in data.items():
            assert value != other[name][key]
            assert len(value) >= 40


def fresh_text():
    ended = helm("template", "luftstrom", str(CHART), *profile_arguments("default"))
    return ended.stdout


def test_named_secrets_are_used_and_none_is_generated():
    documents = rendered(
        "default", "influxdb.existingSecret=a", "influxdb.existingTokensSecret=b", "valkey.existingSecret=c",
        "objectStore.existingSecret=d",
    )  # fmt: skip
    used = set(re.findall(r'"secret(?:Name|KeyRef)": (?:\{"name": )?"([a-z-]+)"', json.dumps(documents)))

    assert not of_kind(documents, "Secret")
    assert not [name for name in of_kind(documents, "Job") if "bootstrap" in name]
    # Without the bootstrap nobody needs the operator token.
    assert {"b", "c", "d"} <= used


def test_the_chart_has_every_topic_as_the_contracts_have_it():
    topics = of_kind(rendered("prod"), "KafkaTopic")

    assert {name: (each["spec"]["partitions"], each["spec"]["config"]) for name, each in topics.items()} == {
        topic.name: (topic.partitions, topic.config) for topic in TOPICS
    }
    assert {each["spec"]["replicas"] for each in topics.values()} == {3}


def test_what_the_chart_takes_from_the_contracts_is_current():
    assert CONTRACTS_FILE.read_text() == contracts_text(), "run: make chart"


def test_a_room_may_read_and_write_its_topics_and_no_other():
    may = {
        user: {
            operation: {acl["resource"]["name"] for acl in acls
                        if acl["resource"]["type"] == "topic" and operation in acl["operations"]}
            for operation in ("Read", "Write")
        }
        for user, acls in users().items()
    }  # fmt: skip
    written = {room: {topic.name for topic in TOPICS if room in topic.writers}
               for room in ("scraper", "flink_jobs", "collector", "app_predict")}  # fmt: skip

    assert may["scraper"] == {"Read": set(), "Write": written["scraper"]}
    assert may["flink"] == {
        # What it writes, too: it looks for its own open transactions there.
        "Read": {t.name for t in TOPICS if "flink_jobs" in t.readers} | written["flink_jobs"],
        "Write": written["flink_jobs"],
    }
    assert may["collector"] == {"Read": set(STORED_BY_TOPIC), "Write": written["collector"]}
    assert may["predictor"] == {"Read": set(), "Write": written["app_predict"]}
    assert may["keda"] == {"Read": set(), "Write": set()}


def test_with_its_state_on_a_volume_a_task_manager_goes_where_the_job_manager_is():
    spec = of_kind(rendered("small"), "FlinkDeployment")["luftstrom-all"]["spec"]
    job, task = (flink_pod_template(spec, manager) for manager in ("jobManager", "taskManager"))
    (term,) = task["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]

    assert term["labelSelector"]["matchLabels"].items() <= job["metadata"]["labels"].items()
    assert term["labelSelector"]["matchLabels"].items() - task["metadata"]["labels"].items()
    # The scheduler would wait for minutes where a JobManager had to be with the pods of a drained node.
    assert set(job["spec"]["affinity"]["podAffinity"]) == {"preferredDuringSchedulingIgnoredDuringExecution"}


def test_split_runs_in_as_many_copies_as_are_asked_for_and_windows_in_one():
    jobs = of_kind(rendered("prod"), "FlinkDeployment")
    split, windows = (jobs[f"luftstrom-{job}"]["spec"] for job in ("split", "aggregate"))

    assert (split["job"]["parallelism"], windows["job"]["parallelism"]) == (2, 1)
    assert split["flinkConfiguration"]["job.autoscaler.enabled"] == "true"
    assert "job.autoscaler.enabled" not in windows["flinkConfiguration"]


def test_a_table_of_all_values_is_in_the_readme():
    assert values_table(CHART) in (CHART / "README.md").read_text(), "run: make chart"


def test_dashboards_that_were_generated_are_taken_and_stale_ones_go(tmp_path):
    source, target = tmp_path / "generated", tmp_path / "chart"
    source.mkdir()
    target.mkdir()
    (source / "air.json").write_text("{}")
    (target / "old.json").write_text("{}")

    assert copy_files(source, target, "*.json") == 1
    assert [each.name for each in target.iterdir()] == ["air.json"]
    assert copy_files(tmp_path / "none", target, "*.json") == 0


def test_dashboards_are_found_by_grafanas_sidecar_and_rules_by_prometheus(tmp_path):
    chart = tmp_path / "chart"
    subprocess.run(["cp", "-r", str(CHART), str(chart)], check=True)
    (chart / "files" / "dashboards" / "sensor_detail.json").write_text('{"title": "{{sensor}}"}')
    (chart / "files" / "rules").mkdir(exist_ok=True)
    rules = {"groups": [{"name": "it", "rules": [{"alert": "A", "expr": "up == 0"}]}]}
    (chart / "files" / "rules" / "it.rules.yml").write_text(json.dumps(rules))
    ended = helm("template", "luftstrom", str(chart), "--set", CONTACT)
    documents = parsed(ended.stdout)
    found = of_kind(documents, "ConfigMap")["luftstrom-dashboard-sensor-detail"]

    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["data"] == {"sensor_detail.json": '{"title": "{{sensor}}"}'}
    assert of_kind(documents, "PrometheusRule")["luftstrom-rules-it"]["spec"] == rules


@pytest.mark.parametrize("path", sorted((CHART / "files" / "tests").glob("*.py")), ids=lambda path: path.stem)
def test_a_test_of_the_chart_needs_nothing_but_python(path):
    tree = ast.parse(path.read_text())
    imported = {
        name.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    }

    assert imported <= {"json", "os", "ssl", "sys", "time", "urllib"}


def test_the_chart_is_of_the_projects_version():
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    chart = parsed((CHART / "Chart.yaml").read_text())[0]

    assert (chart["version"], chart["appVersion"]) == (version, version)

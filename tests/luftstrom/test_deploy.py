"""The deployment's plan, what it asks of the machine, and how it runs its steps."""

import json
import re
import sys

import pytest
import yaml
from typer.testing import CliRunner

from contracts.errors import BadInputError, UnavailableError
from luftstrom.__main__ import app
from luftstrom.deploy import outcome, preflight
from luftstrom.deploy.minikube import image_names, tag
from luftstrom.deploy.plan import JOBS_BY_PROFILE, Deployment, namespaces, steps_down, steps_up
from luftstrom.deploy.platform import KUBERNETES, PROFILES, ROOT, read_platform
from luftstrom.deploy.preflight import findings, version_in
from luftstrom.deploy.running import run_steps
from luftstrom.deploy.status import parts
from luftstrom.deploy.steps import Step

PLATFORM = read_platform()


def wanted(profile="default", **more):
    return Deployment(profile=profile, contact="somebody@example.org", **more)


def names(steps):
    return [step.name for step in steps]


def test_operators_come_before_what_they_operate_and_the_test_comes_last():
    order = names(steps_up(PLATFORM, wanted("prod")))

    assert order.index("cert-manager") < order.index("our authority") < order.index("luftstrom")
    assert order.index("strimzi") < order.index("luftstrom") < order.index("Kafka") < order.index("helm test")
    assert order[-1] == "helm test"


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_has_its_operators_and_no_other(profile):
    order = names(steps_up(PLATFORM, wanted(profile)))

    for release in PLATFORM.releases:
        assert (release.name in order) == (profile in release.profiles)


def test_operators_of_others_are_left_alone():
    order = names(steps_up(PLATFORM, wanted("prod", has_platform=False)))

    assert not {release.name for release in PLATFORM.releases} & set(order)
    assert "luftstrom" in order


def test_definitions_that_helm_never_upgrades_are_applied_before_their_operator():
    steps = steps_up(PLATFORM, wanted("default"))
    definitions = next(step for step in steps if step.name == "strimzi: definitions")

    assert names(steps).index("strimzi: definitions") < names(steps).index("strimzi")
    assert definitions.shown.startswith(
        "helm show crds oci://quay.io/strimzi-helm/strimzi-kafka-operator --version 1.2.0 | "
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_every_kind_that_an_operator_makes_is_waited_for(profile):
    shown = " ".join(step.shown for step in steps_up(PLATFORM, wanted(profile)))

    for what in ("kafka/luftstrom", "kafkatopic --all", "kafkauser --all"):
        assert f"wait {what} --for=condition=Ready" in shown
    for job in JOBS_BY_PROFILE[profile]:
        assert f"wait flinkdeployment/luftstrom-{job} --for=condition=Running" in shown


@pytest.mark.parametrize("profile", PROFILES)
def test_the_jobs_waited_for_are_those_of_the_profile(profile):
    defaults = yaml.safe_load((ROOT / "helm/luftstrom/values.yaml").read_text())["flink"]["jobs"]
    values = yaml.safe_load((ROOT / f"helm/luftstrom/profiles/{profile}.yaml").read_text())

    assert list(JOBS_BY_PROFILE[profile]) == values.get("flink", {}).get("jobs", defaults)


def test_every_step_has_a_limit_and_each_wait_ends_before_its_step():
    steps = [
        *steps_up(PLATFORM, wanted("prod", is_minikube=True)),
        *steps_down(PLATFORM, wanted("prod"), wipe=True),
    ]

    for step in steps:
        own = re.search(r"--timeout[= ](\d+)(s|m)", step.shown)
        assert step.limit_s > 0
        if own:
            assert int(own[1]) * (60 if own[2] == "m" else 1) < step.limit_s, step.name


def test_a_minikube_is_of_the_size_of_its_profile_and_has_volumes_of_a_node_on_that_node():
    shown = [step.shown for step in steps_up(PLATFORM, wanted("default", is_minikube=True))]

    assert "--nodes=3 --cpus=3 --memory=6144m" in shown[0]
    assert "--container-runtime=containerd --cni=calico" in shown[0]
    assert any("addons enable storage-provisioner-rancher" in each for each in shown)
    assert any("patch storageclass local-path" in each for each in shown)


def test_every_image_is_built_loaded_and_looked_for():
    steps = steps_up(PLATFORM, wanted("default", is_minikube=True))
    looked = next(step for step in steps if step.name == "images on every node").shown

    for image in image_names():
        assert any(f"-t {image}" in step.shown for step in steps)
        assert any(step.shown.endswith(f"image load {image}") for step in steps)
        assert image in looked


def test_names_and_policies_are_checked_with_an_image_that_is_there():
    for path in (KUBERNETES / "checks").glob("*.yaml"):
        images = re.findall(r"image: (\S+)", path.read_text())
        assert {image.replace("VERSION", tag()) for image in images} <= set(image_names())


def test_namespaces_carry_their_level_of_pod_security():
    found = {
        each["metadata"]["name"]: each["metadata"]["labels"]
        for each in yaml.safe_load_all(namespaces(PLATFORM, "small"))
    }

    assert set(found) == {"luftstrom", "strimzi", "flink-operator"}
    assert found["luftstrom"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_down_takes_a_savepoint_before_anything_else_and_wipes_resources_before_operators():
    order = names(steps_down(PLATFORM, wanted("prod"), wipe=True))

    assert order.index("savepoint of split: kept") < order.index("our release")
    assert order.index("savepoint of aggregate: taken") < order.index("our release")
    assert (
        order.index("what operators keep")
        < order.index("strimzi off")
        < order.index("namespaces and their volumes")
    )
    assert "what operators keep" not in names(steps_down(PLATFORM, wanted("prod"), wipe=False))


def test_down_with_wipe_deletes_a_minikube_as_a_whole():
    assert [step.shown for step in steps_down(PLATFORM, wanted(is_minikube=True), wipe=True)] == [
        "minikube -p luftstrom delete"
    ]


def test_a_kept_savepoint_is_given_to_a_job_that_nobody_knows(monkeypatch):
    said = {
        "flinkdeployment/luftstrom-split": "it is there",
        "configmap/luftstrom-savepoints-split": "s3://flink/split/1",
        "configmap/luftstrom-savepoints-aggregate": "s3://flink/aggregate/7",
    }
    monkeypatch.setattr(outcome, "output", lambda command: said.get(command[4]))

    kept = outcome.kept_savepoints(("split", "aggregate"))
    shown = next(
        step for step in steps_up(PLATFORM, wanted(savepoint_by_job=kept)) if step.name == "luftstrom"
    ).shown

    assert kept == {"aggregate": "s3://flink/aggregate/7"}
    assert "--set flink.initialSavepoints.aggregate=s3://flink/aggregate/7" in shown


def test_the_plan_is_printed_as_somebody_would_type_it_and_nothing_is_done():
    ended = CliRunner().invoke(
        app, ["deploy", "up", "--plan", "--profile", "small", "--contact", "a@example.org"]
    )

    assert ended.exit_code == 0
    assert "--set scraper.contact=a@example.org" in ended.stdout
    assert ended.stdout.count("# ") == len(steps_up(PLATFORM, wanted("small")))


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("v4.3.1+gc0d08d0", (4, 3)),
        ("Client Version: v1.37.1\nKustomize Version: v5.8.1", (1, 37)),
        ("?", None),
    ],
)
def test_a_version_is_found_wherever_it_stands(said, version):
    assert version_in(said) == version


def machine(**said):
    """A machine whose tools say that; None for one that is not there."""
    usual = {"helm": "v4.3.1", "kubectl": "Client Version: v1.37.1", "minikube": "v1.38.1", "docker": "28.0"}
    return lambda command: {**usual, **said}.get(command[0])


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ({"helm": None}, "Install helm"),
        ({"helm": "v3.19.0"}, "Install helm 4.0 or newer"),
        ({"kubectl": "Client Version: v1.29.1"}, "Install kubectl 1.30 or newer"),
        ({"docker": None}, "Install docker"),
    ],
)
def test_a_tool_that_is_missing_or_too_old_is_told_with_its_remedy(said, remedy):
    found = findings(PLATFORM, wanted(is_minikube=True), machine(**said))

    assert any(each.remedy.startswith(remedy) for each in found)


def test_a_machine_that_is_too_small_is_told(monkeypatch, tmp_path):
    small = tmp_path / "meminfo"
    small.write_text("MemTotal:        8000000 kB\n")
    monkeypatch.setattr(preflight, "MEMINFO", small)
    found = {each.name: each for each in findings(PLATFORM, wanted(is_minikube=True), machine())}

    assert found["memory"].found == "7.6 GiB, 18.0 GiB needed"
    assert not found["memory"].is_well


def test_a_cluster_that_is_not_reached_and_a_missing_contact_are_told():
    def ask(command):
        return {"helm": "v4.3.1"}.get(command[0]) or ("v1.37.1" if command[1] == "version" else None)

    unwell = {each.name for each in findings(PLATFORM, Deployment(profile="prod"), ask) if not each.is_well}

    assert unwell == {"cluster", "storage", "contact"}


def python(script, **more):
    return Step(name="it", command=(sys.executable, "-c", script), limit_s=more.pop("limit_s", 30), **more)


def test_a_step_reads_what_another_command_says():
    lines = []
    run_steps(
        [
            python(
                "import sys; assert sys.stdin.read() == 'given'",
                given_by=(sys.executable, "-c", "print('given', end='')"),
            )
        ],
        lines.append,
    )

    assert lines[0] == "[1/1] it"
    assert lines[1].startswith("    done in ")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (python("import sys; sys.exit('no room left')"), "it: no room left"),
        (python("import time; time.sleep(60)", limit_s=1), "it: not done after 1 s"),
        (Step(name="it", command=("no-such-tool",), limit_s=5), "no-such-tool is not installed"),
    ],
)
def test_a_step_that_fails_tells_why_and_what_it_was(step, said):
    with pytest.raises(UnavailableError) as failure:
        run_steps([step, python("raise SystemExit('never reached')")], lambda _line: None)

    assert said in str(failure.value)
    assert f"It was: {step.shown}" in str(failure.value)


def test_a_failed_step_shows_the_pods_that_are_not_well_their_warnings_and_logs(tmp_path, monkeypatch):
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        '  *"get pods"*) echo "good-1 1/1 Running 0 5m"; echo "done-2 0/1 Completed 0 5m";'
        ' echo "bad-3 0/1 Pending 0 5m";;\n'
        '  *"get events"*) echo "Insufficient memory";;\n'
        '  *logs*) echo "logs of $4";;\n'
        "esac\n"
    )
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    with pytest.raises(UnavailableError) as failure:
        run_steps([python("raise SystemExit('late')", namespace="luftstrom")], lambda _line: None)

    told = str(failure.value)
    assert "bad-3 0/1 Pending" in told
    assert "good-1" not in told
    assert "done-2" not in told
    assert "Insufficient memory" in told
    assert "Logs of bad-3:\nlogs of bad-3" in told


def a_resource(kind, name="it", spec=None, **status):
    return {"kind": kind, "metadata": {"name": name}, "spec": spec or {}, "status": status}


READY = {"conditions": [{"type": "Ready", "status": "True"}]}


@pytest.mark.parametrize(
    ("resource", "state", "is_well"),
    [
        (a_resource("Kafka", **READY), "ready", True),
        (a_resource("Kafka"), "no operator has looked at it", False),
        (
            a_resource("Kafka", conditions=[{"type": "NotReady", "status": "True", "message": "no volume"}]),
            "no volume",
            False,
        ),
        (a_resource("Deployment", spec={"replicas": 2}, readyReplicas=1), "1 of 2 ready", False),
        (a_resource("FlinkDeployment", jobStatus={"state": "RUNNING"}), "RUNNING", True),
        (
            a_resource("FlinkDeployment", jobStatus={"state": "RUNNING"}, error="no slot"),
            "RUNNING: no slot",
            False,
        ),
        (a_resource("Job", succeeded=1), "done", True),
        (a_resource("Job", conditions=[{"type": "Failed", "status": "True"}]), "failed", False),
        (
            a_resource("CronJob", lastSuccessfulTime="2026-11-26T04:00:00Z"),
            "last success 2026-11-26T04:00:00Z",
            True,
        ),
        (a_resource("CronJob", spec={"suspend": True}), "last success never", False),
    ],
)
def test_a_part_fares_as_its_operator_says(resource, state, is_well):
    (part,) = parts([resource])

    assert (part.state, part.is_well) == (state, is_well)


def test_all_topics_are_one_row_that_names_those_that_are_not_ready():
    rows = parts([a_resource("KafkaTopic", "a", **READY), a_resource("KafkaTopic", "b")])

    assert [(row.name, row.state, row.is_well) for row in rows] == [("b", "1 of 2 ready", False)]


def test_status_as_json_tells_by_its_exit_code(monkeypatch):
    monkeypatch.setattr("luftstrom.deploy.status.parts_now", lambda: parts([a_resource("Kafka")]))
    ended = CliRunner().invoke(app, ["deploy", "status", "--json"])

    assert ended.exit_code == 1
    assert json.loads(ended.stdout)[0]["is_well"] is False


def test_a_list_that_cannot_be_read_is_named(tmp_path):
    wrong = tmp_path / "platform.yaml"
    wrong.write_text("releases: [{name: x}]\n")

    with pytest.raises(BadInputError, match="bad_platform"):
        read_platform(wrong)
    with pytest.raises(BadInputError, match="deploy from a checkout"):
        read_platform(tmp_path / "none.yaml")


def test_every_release_has_its_values_and_lets_its_pods_ask_for_something():
    for release in PLATFORM.releases:
        assert isinstance(yaml.safe_load(release.values_file.read_text()), dict)
        assert set(release.requests) == {"pods", "cpu", "memory"}
        assert release.namespace in PLATFORM.security_by_namespace


def test_the_loop_of_development_builds_every_image_and_names_no_other():
    skaffold = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
    (release,) = skaffold["deploy"]["helm"]["releases"]
    artifacts = {each["image"] for each in skaffold["build"]["artifacts"]}

    assert artifacts == {name.rpartition(":")[0] for name in image_names()}
    assert {f"image.tags.{name.removeprefix('luftstrom/')}" for name in artifacts} < set(
        release["setValueTemplates"]
    )

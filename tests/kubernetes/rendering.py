"""The chart, rendered by the real helm."""

import subprocess
from functools import cache

import yaml

from tests.kubernetes.binaries import ROOT, install_tools

CHART = ROOT / "helm" / "luftstrom"
PROFILES = ("small", "default", "prod")
KUBERNETES_VERSIONS = ("1.32.0", "1.34.0", "1.36.2")
RELEASE, NAMESPACE = "luftstrom", "luftstrom"
CONTACT = "scraper.contact=somebody@example.org"
KAFKA_USERS = ("scraper", "flink", "collector", "predictor", "keda")
# Every server is somebody else's, models lie in a claim, a Gateway leads in.
SERVERS_OF_OTHERS = (
    "kafka.enabled=false",
    "kafka.external.bootstrapServers=kafka.example.org:9093",
    "kafka.external.caSecret=kafka-ca",
    *(f"kafka.external.userSecrets.{user}=kafka-{user}" for user in KAFKA_USERS),
    "influxdb.enabled=false",
    "influxdb.external.url=https://influxdb.example.org:8086",
    "influxdb.existingSecret=influxdb-operator",
    "valkey.enabled=false",
    "valkey.external.url=rediss://scraper@valkey.example.org:6379/0",
    "valkey.external.passwordSecret=valkey",
    "valkey.external.caSecret=valkey-ca",
    "predictor.registryClaim=models",
    "livePage.gateway.enabled=true",
    "livePage.gateway.host=air.example.org",
    "livePage.gateway.parentName=gateway",
)
# Models lie in a bucket: of our own object store, or of somebody else's.
BUCKET_OF_OURS = ("predictor.registryS3.url=s3://flink/models",)
BUCKET_OF_OTHERS = (
    "predictor.registryS3.url=s3://models",
    "predictor.registryS3.endpoint=https://s3.example.org:9000",
    "predictor.registryS3.existingSecret=models",
    "predictor.registryS3.caSecret=models-ca",
)


def helm(*arguments, kubeconfig=None, limit_s=300):
    """Run helm; the finished process."""
    command = [str(install_tools().helm), *arguments]
    if kubeconfig is not None:
        command += ["--kubeconfig", str(kubeconfig)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit_s)


def profile_arguments(profile, *sets):
    """What helm is told for a profile."""
    chosen = [argument for each in (CONTACT, *sets) for argument in ("--set", each)]
    return ["-f", str(CHART / "profiles" / f"{profile}.yaml"), *chosen]


@cache
def rendered_text(profile, *sets, kube_version=KUBERNETES_VERSIONS[-1]):
    """A profile's manifests as text."""
    ended = helm(
        "template", RELEASE, str(CHART), "-n", NAMESPACE, "--kube-version", kube_version,
        *profile_arguments(profile, *sets),
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def rendered(profile, *sets, kube_version=KUBERNETES_VERSIONS[-1]):
    """A profile's manifests."""
    return parsed(rendered_text(profile, *sets, kube_version=kube_version))


@cache
def parsed(text):
    """The documents of a text."""
    return [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]


def refusal(*sets, profile="default"):
    """Why helm does not render with these values."""
    ended = helm("template", RELEASE, str(CHART), *profile_arguments(profile, *sets))
    assert ended.returncode != 0, f"{sets} are accepted"
    return ended.stderr


def of_kind(documents, kind):
    """The documents of a kind, by name."""
    return {each["metadata"]["name"]: each for each in documents if each["kind"] == kind}


def pod_specs(documents):
    """Every pod that a document of ours makes: (name, kind, spec)."""
    for each in documents:
        name, kind, spec = each["metadata"]["name"], each["kind"], each.get("spec", {})
        if kind in {"Deployment", "StatefulSet", "Job"}:
            yield name, kind, spec["template"]["spec"]
        elif kind == "CronJob":
            yield name, kind, spec["jobTemplate"]["spec"]["template"]["spec"]
        elif kind == "FlinkDeployment":
            for part in ("jobManager", "taskManager"):
                yield f"{name}-{part}", kind, flink_pod_spec(spec, part)


def flink_pod_template(spec, part):
    """The template of a manager's pod: that of both, and its own over it."""
    common, own = spec["podTemplate"], spec[part]["podTemplate"]
    (container,), (own_container,) = common["spec"]["containers"], own["spec"]["containers"]
    labels = {**common["metadata"]["labels"], **own.get("metadata", {}).get("labels", {})}
    pod = {**common["spec"], **own["spec"], "containers": [{**container, **own_container}]}
    return {**common, "metadata": {**common["metadata"], "labels": labels}, "spec": pod}


def flink_pod_spec(spec, part):
    """The pod of a manager as the operator makes it."""
    template = flink_pod_template(spec, part)["spec"]
    (container,) = template["containers"]
    resource = spec[part]["resource"]
    memory = resource["memory"].replace("m", "Mi")
    made = {
        **container,
        "image": spec["image"],
        "imagePullPolicy": spec["imagePullPolicy"],
        "resources": {
            "requests": {"cpu": str(resource["cpu"]), "memory": memory},
            "limits": {"cpu": str(resource["cpu"]), "memory": memory},
        },
    }
    return {**template, "serviceAccountName": spec["serviceAccount"], "containers": [made]}

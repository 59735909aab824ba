"""The operators' own definitions of their resources, as they publish them, pinned by checksum.

Strimzi's are made by its generator from its API's jar. The Flink operator publishes no jar of 1.15:
those of 1.10 are brought to what 1.15 accepts (`_as_of_1_15`). The others lie in the operators' Go modules.
"""

import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import yaml
from jgo.maven import MavenContext

from contracts.errors import UnavailableError
from local_stack.install.cache import install_lock, put_in_place, scratch_beside
from local_stack.install.jars import install_jars
from local_stack.install.java import install_java

HERE = Path(__file__).parent
JDK_LOCK = HERE.parents[1] / "locks" / "jdk-25.txt"
STRIMZI = {
    "Kafka": "kafka.Kafka",
    "KafkaNodePool": "nodepool.KafkaNodePool",
    "KafkaTopic": "topic.KafkaTopic",
    "KafkaUser": "user.KafkaUser",
}
FLINK_API = ("org.apache.flink", "flink-kubernetes-operator-api", "1.10.0")
FLINK_API_SHA256 = "b1f44814e17514fa8395c61b329a3ee9087123a5bda5b21fe1a495d5182c30b6"
# Module, version, checksum as in go.sum, folder, and what the chart and the platform use of it.
GO_MODULES = (
    (
        "github.com/cert-manager/cert-manager", "v1.21.2", "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
        "deploy/crds", ("certificates", "issuers", "clusterissuers"),
    ),
    (
        "github.com/kedacore/keda/v2", "v2.20.2", "h1:SR60v8uIcelbveS8n/1jcl8tLdBBIbHMxmdOHw8tKqA=",
        "config/crd/bases", ("scaledobjects", "triggerauthentications"),
    ),
    (
        "github.com/prometheus-operator/prometheus-operator", "v0.93.1",
        "h1:4Juk8v93RdG1DSGD/mGp+SeQKPmnlLIj2iq3blLZgFY=",
        "example/prometheus-operator-crd", ("podmonitors", "prometheusrules", "servicemonitors"),
    ),
    (
        "sigs.k8s.io/gateway-api", "v1.5.1", "h1:RqVRIlkhLhUO8wOHKTLnTJA6o/1un4po4/6M1nRzdd0=",
        "config/crd/standard", ("httproutes",),
    ),
)  # fmt: skip


def install_crds(tell=lambda _line: None):
    """The folder of all definitions, a file each."""
    with install_lock(tell) as cache:
        pins = Path(__file__).read_bytes() + (HERE / "strimzi-crds.lock.toml").read_bytes()
        target = cache / "kubernetes" / f"crds-{hashlib.sha256(pins).hexdigest()[:12]}"
        if not target.is_dir():
            tell("fetching the operators' definitions of their resources")
            with scratch_beside(target) as scratch:
                made = scratch / "made"
                made.mkdir()
                _of_strimzi(made, cache, tell)
                _of_flink(made, scratch)
                _of_go_modules(made)
                put_in_place(made, target)
    return target


def _of_strimzi(made, cache, tell):
    java = install_java(cache, tell, oldest=21, lock=JDK_LOCK)
    jars = install_jars("strimzi-crds", cache, tell, locks=HERE)
    wanted = [f"io.strimzi.api.kafka.model.{name}={made / kind}.yaml" for kind, name in STRIMZI.items()]
    command = [str(java), "-cp", f"{jars}/*", "io.strimzi.crdgenerator.CrdGenerator", "--yaml", *wanted]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    missing = [kind for kind in STRIMZI if not (made / f"{kind}.yaml").exists()]
    if ended.returncode != 0 or missing:
        raise UnavailableError(f"Strimzi's generator gave no {missing}: {ended.stderr[-500:]}")


def _of_flink(made, scratch):
    group, name, version = FLINK_API
    component = (
        MavenContext(repo_cache=scratch / "repository", timeout=30).project(group, name).at_version(version)
    )
    jar = component.artifact("", "jar").resolve()
    if hashlib.sha256(jar.read_bytes()).hexdigest() != FLINK_API_SHA256:
        raise UnavailableError(f"{name} {version} is not the pinned one (sha256 differs)")
    with zipfile.ZipFile(jar) as archive:
        for kind in ("flinkdeployments", "flinkstatesnapshots"):
            crd = yaml.safe_load(archive.read(f"META-INF/fabric8/{kind}.flink.apache.org-v1.yml"))
            (made / f"{kind}.yaml").write_text(json.dumps(_as_of_1_15(crd)))


def _as_of_1_15(crd):
    """Flink 2, configuration of any type, and conditions in the status; all else is as it was."""
    for version in crd["spec"]["versions"]:
        properties = version["schema"]["openAPIV3Schema"]["properties"]
        spec = properties["spec"]["properties"]
        if "flinkVersion" in spec:
            spec["flinkVersion"]["enum"] += ["v2_0", "v2_1", "v2_2"]
            spec["flinkConfiguration"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
            properties["status"]["properties"]["conditions"] = {
                "type": "array",
                "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            }
    return crd


def _of_go_modules(made):
    if shutil.which("go") is None:
        raise UnavailableError(
            "Go is not installed, and modules are fetched by it. Install Go 1.26 or newer."
        )
    for module, version, checksum, folder, kinds in GO_MODULES:
        command = ["go", "mod", "download", "-json", f"{module}@{version}"]
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=600, env=_environment()
        )
        told = json.loads(ended.stdout or "{}")
        if ended.returncode != 0 or told.get("Sum") != checksum:
            raise UnavailableError(
                f"{module} {version} cannot be had, or is not the pinned one: {told or ended.stderr}"
            )
        for kind in kinds:
            (path,) = [
                each for each in Path(told["Dir"], folder).glob("*.yaml") if each.stem.endswith(f"_{kind}")
            ]
            shutil.copyfile(path, made / f"{kind}.yaml")


def _environment():
    # The module's own go.mod has no say in ours.
    return {**os.environ, "GOFLAGS": "-mod=mod"}

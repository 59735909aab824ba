"""What `luftstrom deploy` does, as a list of steps: pure, so that it can be shown, read and tested."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import yaml

from luftstrom.deploy.chart_files import CHART
from luftstrom.deploy.minikube import check_steps, image_steps, minikube_steps
from luftstrom.deploy.platform import KUBERNETES, NAMESPACE, Platform, Release
from luftstrom.deploy.steps import APPLY, Step, applying, reading, waiting

RELEASE = "luftstrom"
JOBS_BY_PROFILE = {"small": ("all",), "default": ("all",), "prod": ("split", "aggregate")}
SAVEPOINTS = "luftstrom-savepoints"
GRAFANA_TOKEN = "luftstrom-grafana-token"  # noqa: S105 - a Secret's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What is asked for: a profile, on a minikube of ours or on the cluster that kubectl speaks to."""

    profile: str
    contact: str = ""
    source_url: str = ""
    is_minikube: bool = False
    has_platform: bool = True
    values_files: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    savepoint_by_job: Mapping[str, str] = field(default_factory=dict)
    limit_s: int = 1200

    @property
    def jobs(self) -> tuple[str, ...]:
        """The Flink jobs of the profile."""
        return JOBS_BY_PROFILE[self.profile]


def steps_up(platform: Platform, wanted: Deployment) -> list[Step]:
    """Everything from nothing to a tested system; each step may be done again."""
    return [
        *(minikube_steps(platform.minikube, wanted.profile) if wanted.is_minikube else []),
        *(image_steps(platform.minikube) if wanted.is_minikube else []),
        applying("namespaces", namespaces(platform, wanted.profile)),
        *(check_steps() if wanted.is_minikube else []),
        *(
            step
            for each in platform.releases_of(wanted.profile)
            for step in _release(each)
            if wanted.has_platform
        ),
        *(_issuer() if wanted.has_platform and "cert-manager" in _names(platform, wanted.profile) else []),
        *_chart(wanted),
        *_waits(wanted),
        *(_grafana() if "prometheus" in _names(platform, wanted.profile) else []),
        _helm_test(),
    ]


def steps_down(platform: Platform, wanted: Deployment, *, wipe: bool) -> list[Step]:
    """A savepoint of each job, then our release; with `wipe` all data, operators and namespaces too."""
    if wanted.is_minikube and wipe:
        delete = ("minikube", "-p", platform.minikube.profile, "delete")
        return [Step(name="minikube", command=delete, limit_s=300)]
    release = Step(
        name="our release",
        command=(
            "helm",
            "uninstall",
            RELEASE,
            "-n",
            NAMESPACE,
            "--ignore-not-found",
            "--wait",
            "--timeout",
            "10m",
        ),
        limit_s=660,
        namespace=NAMESPACE,
    )
    return [*_suspensions(wanted), release, *(_wiping(platform, wanted) if wipe else [])]


def namespaces(platform: Platform, profile: str) -> str:
    """The namespaces with their levels of Pod Security."""
    return yaml.safe_dump_all(
        [
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": name,
                    "labels": {
                        f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "warn", "audit")
                    },
                },
            }
            for name, level in platform.namespaces_of(profile).items()
        ],
        sort_keys=False,
    )


def _operators(platform: Platform, profile: str) -> list[Step]:
    steps = [step for each in platform.releases_of(profile) for step in _release(each)]
    return [*steps, *(_issuer() if "cert-manager" in _names(platform, profile) else [])]


def _names(platform: Platform, profile: str) -> set[str]:
    return {each.name for each in platform.releases_of(profile)}


def _release(release: Release) -> list[Step]:
    shown = ("helm", "show", "crds", *release.chart_arguments)
    definitions = Step(name=f"{release.name}: definitions", command=APPLY, given_by=shown, limit_s=180)
    install = Step(
        name=release.name,
        command=(
            "helm", "upgrade", "--install", release.name, *release.chart_arguments, "-n", release.namespace,
            "-f", str(release.values_file), "--wait", "--timeout", f"{release.limit_s}s",
        ),
        limit_s=release.limit_s + 30,
        namespace=release.namespace,
    )  # fmt: skip
    waits = [
        waiting(f"{release.name}: ready", *_wait(wait), namespace=release.namespace, limit_s=release.limit_s)
        for wait in release.waits
    ]
    return [*([definitions] if release.crds == "apply" else []), install, *waits]


def _wait(text: str) -> tuple[str, str]:
    what, _, condition = text.partition(" --for=")
    return what, condition


def _issuer() -> list[Step]:
    return [
        applying("our authority", (KUBERNETES / "issuer.yaml").read_text(), namespace="cert-manager"),
        waiting(
            "our authority: ready",
            "clusterissuer/luftstrom-ca",
            "condition=Ready",
            namespace="cert-manager",
            limit_s=120,
        ),
    ]


def _chart(wanted: Deployment) -> list[Step]:
    given = {"scraper.contact": wanted.contact, "scraper.sourceUrl": wanted.source_url}
    sets = [f"{name}={value}" for name, value in given.items() if value]
    sets += [f"flink.initialSavepoints.{job}={path}" for job, path in wanted.savepoint_by_job.items()]
    files = [str(CHART / "profiles" / f"{wanted.profile}.yaml"), *wanted.values_files]
    command = (
        "helm", "upgrade", "--install", RELEASE, str(CHART), "-n", NAMESPACE,
        *(part for file in files for part in ("-f", file)),
        *(part for each in [*sets, *wanted.sets] for part in ("--set", each)),
        "--wait", "--rollback-on-failure", "--timeout", f"{wanted.limit_s}s",
    )  # fmt: skip
    return [Step(name="luftstrom", command=command, limit_s=wanted.limit_s + 60, namespace=NAMESPACE)]


def _waits(wanted: Deployment) -> list[Step]:
    """Helm knows nothing of what operators make of our resources."""
    on_strimzi = (
        ("Kafka", f"kafka/{RELEASE}", 900),
        ("topics", "kafkatopic --all", 300),
        ("users", "kafkauser --all", 300),
    )
    return [
        *(
            waiting(name, what, "condition=Ready", namespace=NAMESPACE, limit_s=limit_s)
            for name, what, limit_s in on_strimzi
        ),
        _bootstrap_wait(),
        *(_flink_wait(job) for job in wanted.jobs),
    ]


def _bootstrap_wait() -> Step:
    """There is none where the tokens are somebody else's; without tokens the tests at the end fail."""
    what = "job -l app.kubernetes.io/name=bootstrap"
    step = waiting("bootstrap", what, "condition=Complete", namespace=NAMESPACE, limit_s=600)
    return replace(step, is_optional=True)


def _flink_wait(job: str) -> Step:
    what = f"flinkdeployment/{RELEASE}-{job}"
    return waiting(f"Flink job {job}", what, "condition=Running", namespace=NAMESPACE, limit_s=600)


def _grafana() -> list[Step]:
    """Grafana's token, and no other, goes to Grafana's namespace."""
    template = (
        '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"'
        + GRAFANA_TOKEN
        + '","namespace":"monitoring"},'
        '"data":{"grafana-token":"{{.data.grafana}}"}}'
    )
    read = reading(f"secret/{RELEASE}-influxdb-tokens", f"go-template={template}")
    return [Step(name="Grafana's token", command=APPLY, given_by=read, limit_s=60, namespace="monitoring")]


def _helm_test() -> Step:
    return Step(
        name="helm test",
        command=("helm", "test", RELEASE, "-n", NAMESPACE, "--logs", "--timeout", "10m"),
        limit_s=660,
        namespace=NAMESPACE,
    )


def _suspensions(wanted: Deployment) -> list[Step]:
    """Jobs stop with a savepoint; where it lies is kept, for the operator forgets a job with its resource."""
    return [step for job in wanted.jobs for step in _suspension(job)]


def _suspension(job: str) -> list[Step]:
    what, name = f"flinkdeployment/{RELEASE}-{job}", f"savepoint of {job}"
    patch = '{"spec":{"job":{"state":"suspended","upgradeMode":"savepoint"}}}'
    kept = (
        '{"apiVersion":"v1","kind":"ConfigMap",'
        f'"metadata":{{"name":"{SAVEPOINTS}-{job}","namespace":"{NAMESPACE}"}},'
        '"data":{"path":"{{.status.jobStatus.upgradeSavepointPath}}"}}'
    )
    command = ("kubectl", "-n", NAMESPACE, "patch", what, "--type=merge", "-p", patch)
    suspended = "jsonpath={.status.lifecycleState}=SUSPENDED"
    return [
        Step(name=name, command=command, limit_s=60, namespace=NAMESPACE),
        waiting(f"{name}: taken", what, suspended, namespace=NAMESPACE, limit_s=300),
        Step(name=f"{name}: kept", command=APPLY, given_by=reading(what, f"go-template={kept}"), limit_s=60),
    ]


def _wiping(platform: Platform, wanted: Deployment) -> list[Step]:
    """Resources before their operators, for these take their finalizers away."""
    kinds = "kafkauser,kafkatopic,kafka,kafkanodepool,flinkdeployment"
    gone = Step(
        name="what operators keep",
        command=(
            "kubectl",
            "-n",
            NAMESPACE,
            "delete",
            kinds,
            "--all",
            "--ignore-not-found",
            "--wait",
            "--timeout=300s",
        ),
        limit_s=330,
        namespace=NAMESPACE,
    )
    operators = [
        Step(
            name=f"{each.name} off",
            command=("helm", "uninstall", each.name, "-n", each.namespace, "--ignore-not-found", "--wait"),
            limit_s=330,
            namespace=each.namespace,
        )
        for each in reversed(platform.releases_of(wanted.profile))
    ]
    names = sorted(platform.namespaces_of(wanted.profile))
    last = Step(
        name="namespaces and their volumes",
        command=("kubectl", "delete", "namespace", *names, "--ignore-not-found", "--wait", "--timeout=300s"),
        limit_s=330,
    )
    return [gone, *(operators if wanted.has_platform else []), last]

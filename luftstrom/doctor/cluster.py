"""The system on a cluster, as kubectl tells: the cluster itself, every part of ours, how fresh all is.

What only a part of ours can tell is asked from inside its own pod: policies let nobody else in.
"""

import base64
import json
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from contracts.errors import UnavailableError
from contracts.topics import TOPICS
from luftstrom.deploy.platform import NAMESPACE
from luftstrom.deploy.preflight import OLDEST, version_in
from luftstrom.deploy.running import output
from luftstrom.deploy.status import Part, parts_now
from luftstrom.doctor.certificates import judged_by_end
from luftstrom.doctor.findings import Finding, doubtful, ill, unasked, well
from luftstrom.doctor.freshness import (
    CHECKPOINT_AGE_S_MAX,
    FETCH_AGE_S_MAX,
    FORECAST_AGE_S_MAX,
    VALUE_AGE_S_MAX,
    judged,
)


class Ask(Protocol):
    """Runs a command; what it says, None where it fails."""

    def __call__(self, command: Sequence[str], *, given: str | None = None) -> str | None:
        """The command reads `given`."""
        ...


OURS = ("kubectl", "-n", NAMESPACE)
# Kubernetes promises as much: kubectl one minor version beside the server, kubelets up to three behind.
KUBECTL_SKEW, KUBELET_SKEW = 1, 3
PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")
TOKENS = f"{NAMESPACE}-influxdb-tokens"
CERTIFICATE_KEYS = ("tls.crt", "ca.crt")
PAGE, PAGE_HEALTH = f"{NAMESPACE}-live-page", "http://127.0.0.1:8080/api/health"
FLINK = "http://127.0.0.1:8081"
# All our images have Python, and no other client of HTTP.
GET = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())"


def examine_cluster(
    now_s: float, ask: Ask = output, parts: Callable[[], list[Part]] = parts_now
) -> Iterator[Finding]:
    """Every finding, each as soon as it is made; where no cluster is reached that is the last one."""
    yield _tool(ask, "kubectl", "version", "--client")
    yield _tool(ask, "helm", "version", "--short")
    if ask(("kubectl", "get", "--raw", "/readyz")) is None:
        remedy = "Choose one by `kubectl config use-context`, or make one: `make minikube`."
        yield ill("cluster", "kubectl reaches none that is ready", remedy)
        return
    nodes = _items(ask, "kubectl", "get", "nodes")
    yield from _versions(ask, nodes)
    yield _nodes(nodes)
    yield from _parts(parts)
    yield _topics(ask)
    yield _volumes(ask)
    yield _tokens(ask)
    yield from _certificates(ask, now_s)
    yield _last_poll(ask, now_s)
    yield from _checkpoints(ask, now_s)
    yield from _freshness(ask, now_s)


def _items(ask: Ask, *command: str) -> list[Mapping[str, Any]]:
    said = ask((*command, "-o", "json"))
    return json.loads(said)["items"] if said else []


def _inside(ask: Ask, deployment: str, url: str) -> Any:
    """What a pod of this Deployment answers itself; None where it does not."""
    said = ask((*OURS, "exec", f"deploy/{deployment}", "--", "python3", "-c", GET, url))
    try:
        return json.loads(said) if said else None
    except ValueError:
        return None


def _tool(ask: Ask, name: str, *arguments: str) -> Finding:
    said, oldest = ask((name, *arguments)), OLDEST[name]
    needed = ".".join(map(str, oldest))
    if said is None:
        return ill(name, "not there", f"Install {name} {needed} or newer.")
    there = version_in(said)
    shown = said.strip().splitlines()[0]
    return (
        well(name, shown)
        if there and there >= oldest
        else ill(name, shown, f"Install {name} {needed} or newer.")
    )


def _versions(ask: Ask, nodes: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    said = json.loads(ask(("kubectl", "version", "-o", "json")) or "{}")
    server, client = (
        version_in(said.get(part, {}).get("gitVersion", "")) for part in ("serverVersion", "clientVersion")
    )
    if server is None or client is None:
        yield unasked("versions", "kubectl does not tell them")
        return
    kubelets = {version_in(node["status"]["nodeInfo"]["kubeletVersion"]) or server for node in nodes}
    shown = (
        f"server {_shown(server)}, kubectl {_shown(client)}, nodes {', '.join(map(_shown, sorted(kubelets)))}"
    )
    if abs(server[1] - client[1]) > KUBECTL_SKEW:
        yield doubtful(
            "versions", shown, f"Take a kubectl within {KUBECTL_SKEW} minor version of the server."
        )
    elif any(not 0 <= server[1] - kubelet[1] <= KUBELET_SKEW for kubelet in kubelets):
        yield doubtful("versions", shown, f"Upgrade the nodes: at most {KUBELET_SKEW} minor versions behind.")
    else:
        yield well("versions", shown)


def _shown(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _nodes(nodes: Sequence[Mapping[str, Any]]) -> Finding:
    troubles = []
    for node in nodes:
        state = {each["type"]: each["status"] for each in node["status"].get("conditions", [])}
        wrong = [name for name in PRESSURES if state.get(name) == "True"]
        wrong += [] if state.get("Ready") == "True" else ["not ready"]
        troubles += [f"{node['metadata']['name']}: {', '.join(wrong)}"] if wrong else []
    if troubles:
        return ill("nodes", "; ".join(troubles), "See `kubectl describe node`: its conditions say why.")
    return well("nodes", f"{len(nodes)} ready")


def _parts(parts: Callable[[], list[Part]]) -> Iterator[Finding]:
    try:
        found = parts()
    except UnavailableError as error:
        yield ill("system", str(error), "Bring it up: `luftstrom deploy up`.")
        return
    unwell = [part for part in found if not part.is_well]
    for part in unwell:
        remedy = f"See `{' '.join(OURS)} describe {part.kind.lower()}` and the logs of its pods."
        yield ill(f"{part.kind} {part.name}", part.state, remedy)
    if not unwell:
        yield well("parts", f"{len(found)} are as they should be")


def _topics(ask: Ask) -> Finding:
    """Whether every topic is asked for as the contracts have it; that it is ready is told with the parts."""
    there = {each["metadata"]["name"]: each["spec"] for each in _items(ask, *OURS, "get", "kafkatopic")}
    if not there:
        return unasked("topics", "no KafkaTopic is here; Kafka may be somebody else's")
    missing = [topic.name for topic in TOPICS if topic.name not in there]
    other = [
        topic.name
        for topic in TOPICS
        if topic.name in there and not _is_meant(topic.config, there[topic.name])
    ]
    if missing or other:
        detail = "; ".join(
            f"{what}: {', '.join(names)}"
            for what, names in (("missing", missing), ("other settings", other))
            if names
        )
        return ill(
            "topics", detail, "Upgrade the chart to the version of this command: `luftstrom deploy up`."
        )
    return well("topics", f"{len(TOPICS)} with the settings of the contracts")


def _is_meant(config: Mapping[str, str], spec: Mapping[str, Any]) -> bool:
    there = {name: str(value) for name, value in spec.get("config", {}).items()}
    return all(there.get(name) == value for name, value in config.items())


def _volumes(ask: Ask) -> Finding:
    claims = _items(ask, *OURS, "get", "pvc")
    waiting = [each["metadata"]["name"] for each in claims if each.get("status", {}).get("phase") != "Bound"]
    if waiting:
        remedy = f"See `{' '.join(OURS)} describe pvc`: a storage class may be missing, or a disk full."
        return ill("volumes", f"not bound: {', '.join(waiting)}", remedy)
    return well("volumes", f"{len(claims)} bound")


def _tokens(ask: Ask) -> Finding:
    said = ask((*OURS, "get", "secret", TOKENS, "-o", "json"))
    remedy = f"See `{' '.join(OURS)} logs job/{NAMESPACE}-bootstrap`; it makes them, and may be run again."
    if said is None:
        return ill("tokens", f"no secret {TOKENS}", remedy)
    names = sorted(json.loads(said).get("data") or {})
    return well("tokens", ", ".join(names)) if names else ill("tokens", f"{TOKENS} is empty", remedy)


def _certificates(ask: Ask, now_s: float) -> Iterator[Finding]:
    """Of every secret of ours that holds one: Strimzi's and cert-manager's."""
    found = False
    for secret in _items(ask, *OURS, "get", "secret"):
        data = secret.get("data") or {}
        for key in CERTIFICATE_KEYS:
            if key in data and (ends_at_s := _ends_at_s(ask, data[key])) is not None:
                found = True
                yield judged_by_end(f"certificate {secret['metadata']['name']}/{key}", ends_at_s, now_s=now_s)
    if not found:
        yield well("certificates", "no secret of ours holds one")


def _ends_at_s(ask: Ask, encoded: str) -> float | None:
    """Unix time at which the first certificate of a PEM in base64 ends; None where it is none."""
    try:
        pem = base64.b64decode(encoded).decode()
    except ValueError:
        return None
    said = ask(("openssl", "x509", "-noout", "-enddate"), given=pem)
    return ssl.cert_time_to_seconds(said.strip().partition("=")[2]) if said else None


def _last_poll(ask: Ask, now_s: float) -> Finding:
    said = ask(
        (*OURS, "get", "cronjob", f"{NAMESPACE}-scraper", "-o", "jsonpath={.status.lastSuccessfulTime}")
    )
    if said is None:
        return unasked("last poll", "there is no CronJob of the scraper")
    age_s = now_s - datetime.fromisoformat(said).timestamp() if said else None
    remedy = (
        f"See `{' '.join(OURS)} logs -l app.kubernetes.io/component=scraper`: each poll says why it failed."
    )
    return judged("last poll", age_s, limit_s=FETCH_AGE_S_MAX, never="none has succeeded yet", remedy=remedy)


def _checkpoints(ask: Ask, now_s: float) -> Iterator[Finding]:
    """Of each job, as its own JobManager tells."""
    for job in _items(ask, *OURS, "get", "flinkdeployment"):
        name = job["metadata"]["name"]
        running = (_inside(ask, name, f"{FLINK}/jobs") or {}).get("jobs", [])
        if not running:
            yield unasked(f"checkpoint of {name}", "its JobManager does not answer")
            continue
        checkpoints = _inside(ask, name, f"{FLINK}/jobs/{running[0]['id']}/checkpoints") or {}
        latest = checkpoints.get("latest", {})
        done_ms = (latest.get("completed") or {}).get("latest_ack_timestamp")
        yield judged(
            f"checkpoint of {name}",
            None if done_ms is None else now_s - done_ms / 1000,
            limit_s=CHECKPOINT_AGE_S_MAX,
            never="none is complete yet",
            remedy=f"See Flink's page: `{' '.join(OURS)} port-forward svc/{name}-rest 8081`.",
        )


def _freshness(ask: Ask, now_s: float) -> Iterator[Finding]:
    """As the live page tells it."""
    health = _inside(ask, PAGE, PAGE_HEALTH)
    if health is None:
        yield unasked("last value, last forecast", "the live page does not answer")
        return
    for what, at_s, limit_s, remedy in (
        ("last value", health["newest_at_s"], VALUE_AGE_S_MAX, "See the collector's log, and Flink's page."),
        ("last forecast", health["issued_at_s"], FORECAST_AGE_S_MAX, "See the predictor's log."),
    ):
        age_s = None if at_s is None else now_s - at_s
        yield judged(what, age_s, limit_s=limit_s, never="there is none", remedy=remedy)
    for process in health["processes"]:
        if not process["is_ready"]:
            yield ill(process["name"], process["because"], f"See the log of {process['name']}.")

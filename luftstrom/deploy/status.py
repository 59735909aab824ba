"""How the system on a cluster fares: a row for each of its parts, as their operators tell it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.errors import UnavailableError
from luftstrom.deploy.platform import NAMESPACE
from luftstrom.deploy.running import output

KINDS = ("kafka", "kafkatopic", "kafkauser", "flinkdeployment", "statefulset", "deployment", "cronjob", "job")
# Topics and users are many, and one row tells of all of them.
COUNTED = ("KafkaTopic", "KafkaUser")


@dataclass(frozen=True, slots=True)
class Part:
    """One part: what it is, how it fares in words, whether that is well."""

    kind: str
    name: str
    state: str
    is_well: bool


def parts_now() -> list[Part]:
    """Every part there is; raises UnavailableError where kubectl cannot tell."""
    found: list[Mapping[str, Any]] = []
    for kind in KINDS:
        said = output(("kubectl", "-n", NAMESPACE, "get", kind, "-o", "json"))
        found += json.loads(said)["items"] if said else []
    if not found:
        raise UnavailableError(f"nothing of ours is in namespace {NAMESPACE}, or kubectl reaches no cluster")
    return parts(found)


def parts(resources: Sequence[Mapping[str, Any]]) -> list[Part]:
    """A row for each resource; one for all topics, one for all users."""
    each = [_part(resource) for resource in resources]
    rows = [part for part in each if part.kind not in COUNTED]
    for kind in COUNTED:
        members = [part for part in each if part.kind == kind]
        unwell = [part.name for part in members if not part.is_well]
        if members:
            shown = f"{len(members) - len(unwell)} of {len(members)} ready"
            rows.append(Part(kind, ", ".join(unwell) or "all", shown, not unwell))
    return rows


def _part(resource: Mapping[str, Any]) -> Part:
    kind, name = resource["kind"], resource["metadata"]["name"]
    spec, status = resource.get("spec", {}), resource.get("status", {})
    if kind in {"Deployment", "StatefulSet"}:
        wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
        return Part(kind, name, f"{ready} of {wanted} ready", ready >= wanted)
    if kind == "Job":
        state = "done" if status.get("succeeded") else "failed" if _condition(status, "Failed") else "runs"
        return Part(kind, name, state, state != "failed")
    if kind == "CronJob":
        last = status.get("lastSuccessfulTime", "never")
        return Part(kind, name, f"last success {last}", not spec.get("suspend", False))
    if kind == "FlinkDeployment":
        state = status.get("jobStatus", {}).get("state", "not there yet")
        error = f": {status['error'][:200]}" if status.get("error") else ""
        return Part(kind, name, f"{state}{error}", state == "RUNNING" and not error)
    is_ready = _condition(status, "Ready")
    return Part(kind, name, "ready" if is_ready else _why(status), is_ready)


def _condition(status: Mapping[str, Any], kind: str) -> bool:
    return any(each["type"] == kind and each["status"] == "True" for each in status.get("conditions", []))


def _why(status: Mapping[str, Any]) -> str:
    said = [each.get("message") or each.get("reason", "") for each in status.get("conditions", [])]
    return next((text for text in said if text), "no operator has looked at it")[:200]

"""Nodes without machines: what the scheduler places on them is said to run, volumes are said to be there."""

import threading
from contextlib import contextmanager
from datetime import UTC, datetime

from contracts.errors import UnavailableError

PAUSE_S = 0.4
SELECTED_NODE = "volume.kubernetes.io/selected-node"
STORAGE_CLASS = "local-path"


@contextmanager
def running_nodes(cluster, memory_by_node, *, cpu="3"):
    """Nodes of that many cores and memory, alive while the block runs, and a class of local volumes."""
    for name, memory in memory_by_node.items():
        _make_node(cluster, name, cpu, memory)
    _make_storage_class(cluster)
    stopping = threading.Event()
    thread = threading.Thread(target=_live, args=(cluster, stopping), name="fake-nodes", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
        for name in memory_by_node:
            cluster.ask("DELETE", f"/api/v1/nodes/{name}")


def _make_node(cluster, name, cpu, memory):
    resources = {"cpu": cpu, "memory": memory, "pods": "110", "ephemeral-storage": "100Gi"}
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    cluster.ask("POST", "/api/v1/nodes", {"metadata": {"name": name, "labels": labels}})
    ready = {"type": "Ready", "status": "True", "reason": "Fake", "message": "", "lastHeartbeatTime": _now()}
    status = {"capacity": resources, "allocatable": resources, "conditions": [ready]}
    cluster.ask("PATCH", f"/api/v1/nodes/{name}/status", {"status": status})


def _make_storage_class(cluster):
    path = "/apis/storage.k8s.io/v1/storageclasses"
    if cluster.ask("GET", f"{path}/{STORAGE_CLASS}") is None:
        body = {
            "metadata": {
                "name": STORAGE_CLASS,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "rancher.io/local-path",
            "volumeBindingMode": "WaitForFirstConsumer",
        }
        cluster.ask("POST", path, body)


def _live(cluster, stopping):
    while not stopping.wait(PAUSE_S):
        try:
            for pod in cluster.items("/api/v1/pods"):
                _keep(cluster, pod)
            for claim in cluster.items("/api/v1/persistentvolumeclaims"):
                _provide(cluster, claim)
        except UnavailableError:
            continue  # somebody else was faster; the next round sees what is left


def _keep(cluster, pod):
    metadata, spec, status = pod["metadata"], pod["spec"], pod["status"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
    if "deletionTimestamp" in metadata:
        cluster.ask("DELETE", path, {"gracePeriodSeconds": 0})
    elif spec.get("nodeName") and status["phase"] == "Pending":
        is_job = any(owner["kind"] == "Job" for owner in metadata.get("ownerReferences", []))
        cluster.ask("PATCH", f"{path}/status", {"status": _ended(spec) if is_job else _running(spec)})


def _running(spec):
    now = _now()
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": now}
        for kind in ("Initialized", "ContainersReady", "Ready", "PodScheduled")
    ]
    states = [
        {"name": each["name"], "image": each["image"], "imageID": "", "ready": True, "started": True,
         "restartCount": 0, "state": {"running": {"startedAt": now}}}
        for each in spec["containers"]
    ]  # fmt: skip
    return {"phase": "Running", "conditions": conditions, "containerStatuses": states, "startTime": now}


def _ended(spec):
    now = _now()
    states = [
        {"name": each["name"], "image": each["image"], "imageID": "", "ready": False, "restartCount": 0,
         "state": {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}}
        for each in spec["containers"]
    ]  # fmt: skip
    return {"phase": "Succeeded", "containerStatuses": states, "startTime": now}


def _provide(cluster, claim):
    """A volume for a claim whose pod has its node."""
    metadata, spec = claim["metadata"], claim["spec"]
    node = metadata.get("annotations", {}).get(SELECTED_NODE)
    if node is None or spec.get("volumeName"):
        return
    name = f"pvc-{metadata['uid']}"
    if cluster.ask("GET", f"/api/v1/persistentvolumes/{name}") is not None:
        return
    on_node = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
    provisioner = {"pv.kubernetes.io/provisioned-by": "rancher.io/local-path"}
    body = {
        "metadata": {"name": name, "annotations": provisioner},
        "spec": {
            "capacity": spec["resources"]["requests"],
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": spec["storageClassName"],
            "hostPath": {"path": f"/var/lib/{name}"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [on_node]}},
            "claimRef": {
                "kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": metadata["namespace"],
                "name": metadata["name"], "uid": metadata["uid"],
            },
        },
    }  # fmt: skip
    cluster.ask("POST", "/api/v1/persistentvolumes", body)


def _now():
    return datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

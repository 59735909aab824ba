"""What operators say and make, said and made at once: statuses, users' Secrets, pods of the size asked for.

It stands in for Strimzi, the Flink operator and what our bootstrap does in a real InfluxDB, so that the
deployment's own waits, tests and fit can be tried on a real control plane. It proves nothing of them.
"""

import base64
import threading
from contextlib import contextmanager

from contracts.errors import UnavailableError
from tests.kubernetes.rendering import flink_pod_spec, flink_pod_template

PAUSE_S = 0.5
STRIMZI, FLINK = "/apis/kafka.strimzi.io/v1", "/apis/flink.apache.org/v1beta1"
SAVEPOINT = "s3://flink/all/savepoints/savepoint-1"
MERGE = "application/merge-patch+json"


@contextmanager
def running_operators(cluster, namespace, *, makes_pods=True):
    """Operators of that namespace, alive while the block runs."""
    stopping = threading.Event()
    arguments = (cluster, namespace, makes_pods, stopping)
    thread = threading.Thread(target=_live, args=arguments, name="fake-operators", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _live(cluster, namespace, makes_pods, stopping):
    while not stopping.wait(PAUSE_S):
        try:
            _look(cluster, namespace, makes_pods)
        except UnavailableError:
            continue  # gone or changed meanwhile; the next round sees what is left


def _look(cluster, namespace, makes_pods):
    for kind in ("kafkas", "kafkatopics", "kafkausers"):
        path = f"{STRIMZI}/namespaces/{namespace}/{kind}"
        for each in cluster.items(path):
            _say_ready(cluster, path, each)
            if kind == "kafkausers":
                _make_secret(cluster, namespace, each["metadata"]["name"])
    path = f"{FLINK}/namespaces/{namespace}/flinkdeployments"
    for each in cluster.items(path):
        _run_job(cluster, path, each)
        if makes_pods:
            _make_managers(cluster, namespace, each)
    if makes_pods:
        for pool in cluster.items(f"{STRIMZI}/namespaces/{namespace}/kafkanodepools"):
            _make_brokers(cluster, namespace, pool)
    _fill_tokens(cluster, namespace)


def _say_ready(cluster, path, resource):
    if not resource.get("status", {}).get("conditions"):
        status = {"conditions": [{"type": "Ready", "status": "True"}]}
        cluster.ask("PATCH", f"{path}/{resource['metadata']['name']}/status", {"status": status}, patch=MERGE)


def _run_job(cluster, path, resource):
    is_suspended = resource["spec"]["job"]["state"] == "suspended"
    life = "SUSPENDED" if is_suspended else "STABLE"
    if resource.get("status", {}).get("lifecycleState") != life:
        job = (
            {"state": "FINISHED", "upgradeSavepointPath": SAVEPOINT} if is_suspended else {"state": "RUNNING"}
        )
        running = {"type": "Running", "status": str(not is_suspended)}
        status = {"lifecycleState": life, "jobStatus": job, "conditions": [running]}
        cluster.ask("PATCH", f"{path}/{resource['metadata']['name']}/status", {"status": status}, patch=MERGE)


def _make_secret(cluster, namespace, name):
    if cluster.ask("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}") is None:
        body = {"metadata": {"name": name}, "stringData": {"password": "of-strimzi"}}
        cluster.ask("POST", f"/api/v1/namespaces/{namespace}/secrets", body)


def _make_brokers(cluster, namespace, pool):
    spec, name = pool["spec"], pool["metadata"]["name"]
    kafka = cluster.items(f"{STRIMZI}/namespaces/{namespace}/kafkas")[0]
    template = kafka["spec"]["kafka"]["template"]
    labels = {"strimzi.io/cluster": kafka["metadata"]["name"]}
    for number in range(spec["replicas"]):
        container = {"name": "kafka", "resources": spec["resources"], **template["kafkaContainer"]}
        _make_pod(
            cluster, namespace, f"{name}-{number}", labels, {**template["pod"], "containers": [container]}
        )
    operator = kafka["spec"]["entityOperator"]
    containers = [
        {"name": part.lower(), "resources": operator[part]["resources"],
         **operator["template"][f"{part}Container"]}
        for part in ("topicOperator", "userOperator")
    ]  # fmt: skip
    pod = {**operator["template"]["pod"], "containers": containers}
    _make_pod(cluster, namespace, f"{kafka['metadata']['name']}-entity-operator", labels, pod)


def _make_managers(cluster, namespace, deployment):
    spec, name = deployment["spec"], deployment["metadata"]["name"]
    for part in ("jobManager", "taskManager"):
        labels = flink_pod_template(spec, part)["metadata"]["labels"]
        pod = flink_pod_spec(spec, part)
        _make_pod(cluster, namespace, f"{name}-{part.lower()}", labels, pod)


def _make_pod(cluster, namespace, name, labels, spec):
    if cluster.ask("GET", f"/api/v1/namespaces/{namespace}/pods/{name}") is None:
        for container in spec["containers"]:
            container.setdefault("image", "strimzi/kafka:1.2.0-kafka-4.3.1")
        body = {"metadata": {"name": name, "labels": labels}, "spec": spec}
        cluster.ask("POST", f"/api/v1/namespaces/{namespace}/pods", body)


def _fill_tokens(cluster, namespace):
    for secret in cluster.items(f"/api/v1/namespaces/{namespace}/secrets"):
        name = secret["metadata"]["name"]
        if name.endswith("-influxdb-tokens") and not secret.get("data"):
            tokens = {each: base64.b64encode(each.encode()).decode()
                      for each in ("collector", "predictor", "grafana", "reader")}  # fmt: skip
            path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
            cluster.ask("PATCH", path, {"data": tokens}, patch=MERGE)

"""The whole system on three real nodes: the chart, servers that stand in, and Flink in native mode."""

import base64
import json
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from contracts.errors import UnavailableError
from local_stack.ports import free_ports
from local_stack.settings import Settings
from local_stack.single import Server
from luftstrom.connections import connections
from luftstrom.deploy.plan import namespaces
from luftstrom.deploy.platform import read_platform
from tests.docker.server_images import NODE_SERVERS
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.native_flink import submit
from tests.kubernetes.node_images import TAG
from tests.kubernetes.nodes import GATEWAY, NAMES
from tests.kubernetes.rendering import CHART, NAMESPACE, RELEASE, helm, of_kind, parsed, profile_arguments
from tests.kubernetes.stand_in_kafka import (
    SETUP_ADDRESS,
    SETUP_PORT,
    is_kafka_reachable,
    make_kafka,
    make_topics_and_rights,
)

RECORDING = "aberdeen-2019-05-12"
DATA_PATH = "/static/v1/data.json"
ADVANCE_S = 150  # each record is in two answers: a poll that dies with its answer is made good by the next
HISTORY_S = 26 * 3600
REST_S = 300  # the last window
MINUTE_S = 60
GIB = 1024**3
VOLUMES = 6
JOB = f"{RELEASE}-all"
ROLLED = (
    f"statefulset/{RELEASE}-dual",
    *(f"statefulset/{RELEASE}-{name}" for name in ("influxdb", "valkey", "predictor")),
    f"deployment/{RELEASE}-collector",
)
LIMIT_S = 600


@dataclass(frozen=True)
class System:
    """A release of our chart on nodes, and the recording that it polls."""

    cluster: Cluster
    folder: Path
    recording_port: int
    values: tuple[str, ...] = field(default=())

    def kubectl(self, *arguments, **options):
        """Run kubectl in our namespace; what it said."""
        ended = self.cluster.kubectl("-n", NAMESPACE, *arguments, **options)
        assert ended.returncode == 0, f"kubectl {' '.join(arguments)}: {ended.stderr}"
        return ended.stdout

    def items(self, kind, *, api="/api/v1", **parameters):
        return self.cluster.items(f"{api}/namespaces/{NAMESPACE}/{kind}", **parameters)

    def pods(self, selector=""):
        """Pods of a selector that are not about to go."""
        pods = self.items("pods", labelSelector=selector)
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def active_jobs(self):
        return [job for job in self.items("jobs", api="/apis/batch/v1") if job["status"].get("active")]

    def events(self, component, name):
        """What the pods of a room logged under that name; nothing while one of them has no log yet."""
        selector = f"app.kubernetes.io/name={component}"
        ended = self.cluster.kubectl("-n", NAMESPACE, "logs", "-l", selector, "--tail=-1")
        lines = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == name]

    def secret(self, name, key):
        data = self.cluster.ask("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/{name}")["data"]
        return base64.b64decode(data[key]).decode()

    def service(self, name):
        """A Service's address in the cluster."""
        return self.cluster.ask("GET", f"/api/v1/namespaces/{NAMESPACE}/services/{name}")["spec"]["clusterIP"]

    def wait(self, *what):
        """`kubectl wait`, with its limit."""
        self.kubectl("wait", *what, f"--timeout={LIMIT_S}s", limit_s=LIMIT_S + 10)

    def roll_out(self):
        """Until every room and server of the release runs as it should."""
        for each in ROLLED:
            self.kubectl("rollout", "status", each, f"--timeout={LIMIT_S}s", limit_s=LIMIT_S + 10)

    def settings(self):
        """What the command needs to ask this system, as an operator would set it."""
        secrets_dir = self.folder / "command" / "secrets"
        secrets_dir.mkdir(parents=True, exist_ok=True)
        for name, text in {
            "reader.token": self.secret(f"{RELEASE}-influxdb-tokens", "reader"),
            "operator.token": self.secret(f"{RELEASE}-influxdb-operator", "operator-token"),
            "valkey.password": self.secret(f"{RELEASE}-valkey", "password"),
        }.items():
            (secrets_dir / name).write_text(text)
        return Settings(
            data_dir=self.folder / "command",
            kafka_bootstrap_servers=f"{SETUP_ADDRESS}:{SETUP_PORT}",
            redis_url=f"redis://scraper@{self.service(f'{RELEASE}-valkey')}:6379/0",
            redis_password_file=secrets_dir / "valkey.password",
            influx_url=f"http://{self.service(f'{RELEASE}-influxdb')}:8086",
            influx_operator_token_file=secrets_dir / "operator.token",
        )

    def checkpoints(self):
        """How many checkpoints the running job completed and began from, as its JobManager counts them."""
        base = f"http://{self.service(f'{JOB}-rest')}:8081"
        (job,) = _said(f"{base}/jobs/overview")["jobs"]
        if job["state"] != "RUNNING":
            raise UnavailableError(f"the job is {job['state']}")
        return _said(f"{base}/jobs/{job['jid']}/checkpoints")["counts"]

    def recording(self):
        """Where the recording stands."""
        return requests.get(f"http://127.0.0.1:{self.recording_port}/recording/state", timeout=10).json()

    def is_played(self):
        """Whether the history was polled."""
        return self.recording()["position_s"] >= HISTORY_S - REST_S

    def upgrade_flink(self, documents):
        """As its operator does with `last-state`: the managers go, what is needed to go on stays."""
        deployment = of_kind(documents, "FlinkDeployment")[JOB]
        self.kubectl("delete", "deployment", JOB, "--cascade=foreground", "--wait")
        until(lambda: not self.pods(f"app={JOB}"), "the managers are gone")
        submit(self.cluster, NAMESPACE, deployment)

    def upgrade(self, *sets):
        """`helm upgrade --install` with further values; the documents of the release."""
        every = (*self.values, *sets)
        ended = helm(
            "upgrade", "--install", RELEASE, str(CHART), "-n", NAMESPACE, *profile_arguments("small", *every),
            kubeconfig=self.cluster.kubeconfig,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        ended = helm("get", "manifest", RELEASE, "-n", NAMESPACE, kubeconfig=self.cluster.kubeconfig)
        return parsed(ended.stdout)


def _said(url):
    answer = requests.get(url, timeout=5)
    answer.raise_for_status()
    return answer.json()


def until(is_so, what, *, limit_s=LIMIT_S, every_s=0.5):
    """Wait for a condition; an error of a part that is just coming back counts as not yet."""
    ends_at_s, last = time.monotonic() + limit_s, None
    while time.monotonic() < ends_at_s:
        try:
            last = is_so()
        except (requests.RequestException, OSError, ValueError, TypeError, UnavailableError) as error:
            last = error
        else:
            if last:
                return last
        time.sleep(every_s)
    raise AssertionError(f"{what}: not so within {limit_s} s, but {last!r}")


@contextmanager
def running_system(cluster, folder):
    """Everything installed and at work; nothing is polled yet."""
    (port,) = free_ports(1)
    system = System(cluster, folder, port, _values(port))
    with _recording_server(folder, port):
        _make_volumes(cluster, folder)
        _apply(cluster, namespaces(read_platform(), "small"))
        documents = system.upgrade()
        make_kafka(cluster, NAMESPACE, documents, folder)
        system.kubectl("rollout", "status", ROLLED[0], f"--timeout={LIMIT_S}s", limit_s=LIMIT_S + 10)
        # Ready is said before each node's kube-proxy has heard of it.
        until(is_kafka_reachable, "Kafka is reached by its Service")
        make_topics_and_rights(documents)
        submit(cluster, NAMESPACE, of_kind(documents, "FlinkDeployment")[JOB])
        system.wait("job", "-l", "app.kubernetes.io/name=bootstrap", "--for=condition=Complete")
        system.roll_out()
        yield system


def _values(port):
    return (
        f"image.tag={TAG}",
        f"influxdb.image={NODE_SERVERS}",
        f"valkey.image={NODE_SERVERS}",
        "livePage.enabled=false",
        f"scraper.sourceUrl=http://{GATEWAY}:{port}{DATA_PATH}",
        "scraper.schedule=* * * * *",
        "scraper.suspend=true",
        "predictor.settings.APP_PREDICT_CHECK_INTERVAL_S=5",
    )


@contextmanager
def _recording_server(folder, port):
    starts_at_s = (int(time.time()) - HISTORY_S) // MINUTE_S * MINUTE_S
    command = [
        sys.executable, "-m", "local_stack.recording_server", "--recording", RECORDING, "--host", "0.0.0.0",
        "--port", str(port), "--starts-at", str(starts_at_s), "--advance-per-fetch", str(ADVANCE_S),
    ]  # fmt: skip
    server = Server(command, log=folder / "recording.log", require=lambda: _require_recording(port))
    server.start()
    try:
        yield
    finally:
        server.stop()


def _require_recording(port):
    try:
        requests.get(f"http://127.0.0.1:{port}/recording/state", timeout=5).raise_for_status()
    except requests.RequestException as error:
        raise UnavailableError(str(error)) from error


@contextmanager
def playing(system, *, every_s):
    """The real scraper, on this machine, polls the recording: the load."""
    settings = system.settings()
    environment = {
        "SCRAPER_SOURCE_URL": f"http://127.0.0.1:{system.recording_port}{DATA_PATH}",
        "SCRAPER_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "SCRAPER_REDIS_URL": settings.redis_url,
        "SCRAPER_REDIS_PASSWORD_FILE": str(settings.redis_password_file),
        "SCRAPER_POLL_INTERVAL_S": str(every_s),
    }
    command = ["env", *(f"{name}={value}" for name, value in environment.items())]
    scraper = Server(
        [*command, sys.executable, "-m", "scraper", "--every"],
        log=system.folder / "scraper.log", require=lambda: None,
    )  # fmt: skip
    scraper.start()
    try:
        yield scraper
    finally:
        scraper.stop()


def reconciled(system, limit_s=LIMIT_S):
    """`luftstrom reconcile --json` once nothing is on the way; what it said."""
    with connections(system.settings()) as connected:
        try:
            until(lambda: connected.ledger.reconciliation().closes, "the arithmetic closes", limit_s=limit_s)
        except AssertionError as error:
            error.add_note(_told(system, "reconcile", "--window", "1h", "--since", "28h").stdout)
            raise
    ended = _told(system, "reconcile", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


def _told(system, *arguments):
    """What `luftstrom` says of this system."""
    given = system.settings().model_dump(exclude_unset=True)
    environment = [f"LOCAL_STACK_{name.upper()}={value}" for name, value in given.items()]
    command = ["env", *environment, sys.executable, "-m", "luftstrom", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _make_volumes(cluster, folder):
    """Volumes that any node may have, as of a storage in the network; the default class has them."""
    made = [
        {
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": {
                "name": "network",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer",
        }
    ]  # fmt: skip
    for number in range(VOLUMES):
        path = folder / "volumes" / str(number)
        path.mkdir(parents=True)
        made.append(_volume(f"volume-{number}", path))
    _apply(cluster, json.dumps({"apiVersion": "v1", "kind": "List", "items": made}))


def _apply(cluster, text):
    ended = cluster.kubectl("apply", "--server-side", "-f", "-", text=text)
    assert ended.returncode == 0, ended.stderr


def _volume(name, path):
    on_any = {"key": "kubernetes.io/hostname", "operator": "In", "values": list(NAMES)}
    return {
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "network",
            "local": {"path": str(path)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on_any]}]}},
        },
    }  # fmt: skip

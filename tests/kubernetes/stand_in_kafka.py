"""Stands in for Strimzi on real nodes: one broker behind its names, with TLS, users and their rights.

Made of what the chart asks for: the pool's size and volume, the users and their rights, the topics.
The broker is Kafka itself, started as compose does (`docker/kafka`); of Strimzi it proves nothing.
"""

import base64
import json
import secrets
import subprocess
from contextlib import closing
from pathlib import Path

from kafka.admin import KafkaAdminClient

from contracts.topics import TOPICS
from runtime.kafka_log import require_reachable
from runtime.topic_setup import create_topics
from tests.docker.server_images import NODE_SERVERS
from tests.kubernetes.kafka_rights import give_rights
from tests.kubernetes.rendering import of_kind

FILES = Path(__file__).parents[2] / "docker" / "kafka"
# A listener for whoever sets up and asks from outside, as the operator would; it outlives the pod.
SETUP_ADDRESS, SETUP_PORT = "10.96.99.95", 9095
PROPERTIES = """
listeners=CLIENTS://:9093,SETUP://:{port},INTERNAL://127.0.0.1:9094,CONTROLLER://127.0.0.1:9096
advertised.listeners=CLIENTS://{pod}.{brokers}.{namespace}.svc:9093,SETUP://{address}:{port},\
INTERNAL://127.0.0.1:9094,CONTROLLER://127.0.0.1:9096
controller.quorum.bootstrap.servers=127.0.0.1:9096
listener.security.protocol.map=CLIENTS:SASL_SSL,SETUP:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
listener.name.clients.ssl.keystore.location=/secrets/tls.pem
log.dirs=/var/lib/kafka/data/log
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
group.initial.rebalance.delay.ms=0
"""
START = [
    "sh",
    "/etc/kafka/start.sh",
    *(f"/etc/kafka/{name}.properties" for name in ("server", "tls", "nodes")),
]


def make_kafka(cluster, namespace, documents, folder):
    """The broker and its Secrets, for the KafkaNodePool and the KafkaUsers among these documents."""
    ((pool, spec),) = ((name, each["spec"]) for name, each in of_kind(documents, "KafkaNodePool").items())
    release = pool.removesuffix("-dual")
    brokers, pod = f"{release}-kafka-brokers", f"{pool}-0"
    hosts = [f"{release}-kafka-bootstrap", f"*.{brokers}.{namespace}.svc"]
    ca, certificate = _certificates(folder, hosts)
    passwords = {name: secrets.token_urlsafe(24) for name in of_kind(documents, "KafkaUser")}
    properties = PROPERTIES.format(
        address=SETUP_ADDRESS, port=SETUP_PORT, pod=pod, brokers=brokers, namespace=namespace
    )
    files = {path.name: path.read_text() for path in FILES.iterdir()} | {"nodes.properties": properties}
    made = [
        _secret(f"{release}-cluster-ca-cert", {"ca.crt": ca}),
        *(_secret(name, {"password": password}) for name, password in passwords.items()),
        _secret(f"{pool}-broker", {
            "tls.pem": certificate, **{f"{name}.password": each for name, each in passwords.items()},
        }),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{pool}-broker"}, "data": files},
        _service(f"{release}-kafka-bootstrap", pool, 9093),
        _service(brokers, pool, 9093, address="None"),
        _service(f"{release}-kafka-setup", pool, SETUP_PORT, address=SETUP_ADDRESS),
        _stateful_set(pool, brokers, spec),
    ]  # fmt: skip
    _apply(cluster, namespace, made)


def is_kafka_reachable():
    """Raises UnavailableError where it is not."""
    require_reachable(f"{SETUP_ADDRESS}:{SETUP_PORT}")
    return True


def make_topics_and_rights(documents):
    """As Strimzi's operators of topics and users would."""
    servers = f"{SETUP_ADDRESS}:{SETUP_PORT}"
    create_topics(servers, TOPICS, lambda _line: None)
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        give_rights(admin, of_kind(documents, "KafkaUser"))


def _apply(cluster, namespace, documents):
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
    ended = cluster.kubectl("apply", "-n", namespace, "--server-side", "-f", "-", text=text)
    assert ended.returncode == 0, ended.stderr


def _secret(name, texts):
    data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}


def _service(name, pool, port, *, address=None):
    spec = {"selector": {"strimzi.io/pool-name": pool}, "ports": [{"port": port}], "clusterIP": address}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def _stateful_set(pool, service, spec):
    restricted = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    container = {
        "name": "kafka",
        "image": NODE_SERVERS,
        "command": START,
        "env": [{"name": "KAFKA_HEAP", "value": spec["jvmOptions"]["-Xmx"]}],
        "securityContext": {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]}, **restricted,
        },
        "resources": spec["resources"],
        "readinessProbe": {"tcpSocket": {"port": 9093}, "periodSeconds": 2},
        "volumeMounts": [
            {"name": "data", "mountPath": "/var/lib/kafka/data"},
            {"name": "secrets", "mountPath": "/secrets"},
            {"name": "files", "mountPath": "/etc/kafka"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }  # fmt: skip
    pod = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 60,
        "securityContext": {"runAsUser": 1001, "runAsGroup": 1001, "fsGroup": 1001, **restricted},
        "containers": [container],
        "volumes": [
            {"name": "secrets", "secret": {"secretName": f"{pool}-broker", "defaultMode": 0o440}},
            {"name": "files", "configMap": {"name": f"{pool}-broker"}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    (volume,) = spec["storage"]["volumes"]
    claim = {
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": volume["size"]}},
        },
    }
    labels = {"strimzi.io/pool-name": pool}
    return {
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": pool},
        "spec": {
            "serviceName": service, "replicas": spec["replicas"], "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod}, "volumeClaimTemplates": [claim],
        },
    }  # fmt: skip


def _certificates(folder, hosts):
    """Our authority's certificate, and the broker's with its key and chain."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=ca")
    openssl("req", *key, "-keyout", "broker.key", "-out", "broker.csr", "-subj", "/CN=broker")
    names = ",".join(f"DNS:{host}" for host in hosts)
    (folder / "broker.ext").write_text(f"subjectAltName={names}\n")
    openssl("x509", "-req", "-in", "broker.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-out", "broker.crt", "-extfile", "broker.ext")  # fmt: skip
    ca = (folder / "ca.crt").read_text()
    return ca, (folder / "broker.key").read_text() + (folder / "broker.crt").read_text() + ca

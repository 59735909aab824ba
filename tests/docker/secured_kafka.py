"""A broker as compose runs it with TLS: its start script, its properties, its secrets; on a free port."""

import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import kafka as kafka_python
from kafka.errors import KafkaError

from contracts.errors import UnavailableError
from local_stack.install import install
from local_stack.ports import free_ports
from local_stack.single import Server
from runtime.kafka_security import KafkaSecurity

DOCKER = Path(__file__).parents[2] / "docker"
START_LIMIT_S = 180.0  # Java starts twice: it formats the storage first


@dataclass(frozen=True)
class SecuredKafka:
    bootstrap_servers: str
    secrets: Path
    server: Server | None = None

    def security(self, service):
        """How that service's client proves itself."""
        folder = self.secrets / service
        return KafkaSecurity(
            protocol="SASL_SSL",
            username=service,
            password_file=folder / "kafka.password",
            ca_file=folder / "ca.crt",
        )


@contextmanager
def running_secured_kafka(folder, secrets):
    """`secrets` is the folder that `docker/first_start.py --tls` made."""
    installed = install(lambda _line: None)
    port, internal_port, controller_port = free_ports(3)
    properties = folder / "test.properties"
    properties.write_text(_on_loopback(folder, secrets, port, internal_port, controller_port))
    environment = {
        "PATH": os.environ["PATH"],
        "JAVA_HOME": str(installed.java.resolve().parents[1]),
        "KAFKA_LIBS": str(installed.kafka_jars),
        "KAFKA_SECRETS": str(secrets / "kafka"),
        "KAFKA_RUN": str(folder),
    }
    kafka = SecuredKafka(f"127.0.0.1:{port}", secrets)
    command = ["env", "-i", *(f"{name}={value}" for name, value in environment.items())]
    server = Server(
        [*command, str(DOCKER / "kafka" / "start.sh"), str(properties)],
        log=folder / "server.log",
        require=lambda: _require_answer(kafka),
        start_limit_s=START_LIMIT_S,
    )
    server.start()
    try:
        yield replace(kafka, server=server)
    finally:
        server.stop()


def _on_loopback(folder, secrets, port, internal_port, controller_port):
    text = "".join((DOCKER / "kafka" / name).read_text() for name in ("server.properties", "tls.properties"))
    for written, here in {
        "CLIENTS://:9092": f"CLIENTS://127.0.0.1:{port}",
        "kafka:9092": f"127.0.0.1:{port}",
        ":9094": f":{internal_port}",
        ":9093": f":{controller_port}",
        "/var/lib/kafka/data": str(folder / "data"),
        "/secrets/kafka/": f"{secrets / 'kafka'}/",
    }.items():
        assert written in text
        text = text.replace(written, here)
    return text


def _require_answer(kafka):
    try:
        admin = kafka_python.KafkaAdminClient(
            bootstrap_servers=kafka.bootstrap_servers,
            bootstrap_timeout_ms=2_000,
            **kafka.security("setup").for_kafka_python(),
        )
    except (KafkaError, OSError) as error:
        raise UnavailableError(repr(error)) from error
    admin.close()

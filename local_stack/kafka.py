"""The Kafka broker: one KRaft node with tight flags."""

import base64
import subprocess
import uuid
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from contracts.errors import UnavailableError
from local_stack.settings import LOOPBACK

HEAP_MB = 512
FORMAT_LIMIT_S = 60
MIB = 1024**2

# A broker that was killed may come back only when its last session is over: 4 s instead of 9.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers={host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data_dir}/log
auto.create.topics.enable=false
num.partitions=2
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
transaction.max.timeout.ms=3600000
log.segment.bytes=67108864
num.network.threads=2
num.io.threads=2
background.threads=2
num.recovery.threads.per.data.dir=2
log.cleaner.dedupe.buffer.size=16777216
offsets.retention.minutes=43200
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=4000
"""

# Warnings and errors only, into standard output, which whoever starts the broker keeps and rotates.
LOG4J = """\
Configuration:
  status: error
  Appenders:
    Console:
      name: out
      PatternLayout:
        pattern: "%d %p %c{1.} %m%n"
  Loggers:
    Root:
      level: warn
      AppenderRef:
        - ref: out
    Logger:
      - name: kafka.server.KafkaRaftServer
        level: info
"""


def prepare_kafka(
    java: Path,
    jars: Path,
    data_dir: Path,
    *,
    port: int,
    controller_port: int,
    archive_option: str | None = None,
) -> None:
    """Write the broker's configuration and format its storage once."""
    data_dir.mkdir(parents=True, exist_ok=True)
    properties = PROPERTIES.format(
        host=LOOPBACK, port=port, controller_port=controller_port, data_dir=data_dir
    )
    (data_dir / "server.properties").write_text(properties)
    (data_dir / "log4j2.yaml").write_text(LOG4J)
    if not (data_dir / "log" / "meta.properties").exists():
        _format(java, jars, data_dir, archive_option)


def kafka_command(java: Path, jars: Path, data_dir: Path, *, archive_option: str | None) -> list[str]:
    """The broker's command line; `archive_option` uses or makes the class archive."""
    return [
        str(java), *([archive_option] if archive_option else []),
        "-Xms64m", f"-Xmx{HEAP_MB}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
        f"-Dlog4j2.configurationFile={data_dir / 'log4j2.yaml'}",
        "-cp", f"{jars}/*", "kafka.Kafka", str(data_dir / "server.properties"),
    ]  # fmt: skip


def require_kafka(bootstrap_servers: str) -> None:
    """Raise UnavailableError until the broker answers for its cluster."""
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers.split(","), bootstrap_timeout_ms=2_000)
    except (KafkaError, OSError) as error:
        raise UnavailableError(f"no Kafka at {bootstrap_servers}: {error!r}") from error
    try:
        admin.describe_cluster()
    except KafkaError as error:
        raise UnavailableError(f"Kafka at {bootstrap_servers} is not ready: {error!r}") from error
    finally:
        admin.close()


def _format(java: Path, jars: Path, data_dir: Path, archive_option: str | None) -> None:
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    command = [
        str(java), *([archive_option] if archive_option else []),
        "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto",
        f"-Dlog4j2.configurationFile={data_dir / 'log4j2.yaml'}", "-cp", f"{jars}/*",
        "kafka.tools.StorageTool", "format", "--standalone", "-t", f"A{cluster_id[1:]}",
        "-c", str(data_dir / "server.properties"),
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=FORMAT_LIMIT_S)
    if ended.returncode != 0:
        raise UnavailableError(
            f"Kafka could not format its storage in {data_dir}: "
            f"{(ended.stderr or ended.stdout).strip()[-500:]}"
        )

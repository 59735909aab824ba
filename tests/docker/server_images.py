"""Images in place of the servers' that compose and the chart name, for no test reaches a registry."""

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from local_stack.install import install
from tests.docker.builder import BASE

STAND_INS = Path(__file__).parent / "stand_ins"
SERVERS, NODE_SERVERS = "luftstrom/servers:test", "luftstrom/node-servers:test"
GRAFANA = "luftstrom/grafana:test"


def build_servers(builder):
    """Kafka, InfluxDB, Redis and Prometheus in one; the image's name."""
    installed = install(lambda _line: None)
    with _context(installed.cache, installed.influxd) as context:
        shutil.copytree(installed.kafka_jars, context / "kafka")
        builder.build_stand_in(STAND_INS / "Dockerfile", BASE, SERVERS, context)
    return SERVERS


def build_node_servers(builder):
    """The same with Valkey, which the chart wants by its name."""
    installed = install(lambda _line: None)
    with _context(installed.cache, installed.valkey_server, STAND_INS / "valkey-cli") as context:
        builder.build_stand_in(STAND_INS / "nodes.Dockerfile", build_servers(builder), NODE_SERVERS, context)
    return NODE_SERVERS


def build_grafana(builder):
    """What reads all that compose tells Grafana of, in its place."""
    with _context(builder.folder, STAND_INS / "grafana") as context:
        builder.build_stand_in(STAND_INS / "grafana.Dockerfile", BASE, GRAFANA, context)
    return GRAFANA


@contextmanager
def _context(beside, *files):
    with tempfile.TemporaryDirectory(dir=beside) as scratch:
        for path in files:
            shutil.copy(path, scratch)
        yield Path(scratch)

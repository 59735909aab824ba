"""The collector's parts on the twins in memory, and its processes on real servers."""

import threading
import uuid

import pytest
from prometheus_client import CollectorRegistry

from collector.metrics import Metrics
from local_stack.single import running_influxd, running_kafka
from runtime.clock import SystemClock
from runtime.memory_store import MemoryPointStore
from tests.collector.collector_process import CollectorProcess, Servers


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def metrics(registry):
    return Metrics(registry)


@pytest.fixture
def stopping():
    return threading.Event()


@pytest.fixture
def clock():
    return SystemClock()


@pytest.fixture
def store():
    return MemoryPointStore()


@pytest.fixture
def own_kafka(tmp_path):
    """A broker of one test alone."""
    folder = tmp_path / "kafka"
    folder.mkdir()
    with running_kafka(folder) as server:
        yield server


@pytest.fixture
def own_influx(tmp_path):
    """An InfluxDB of one test alone."""
    folder = tmp_path / "influxd"
    folder.mkdir()
    with running_influxd(folder) as server:
        yield server


@pytest.fixture
def servers(kafka, influx):
    """The test's view of both servers, with every topic there."""
    servers = Servers(kafka, influx, kind=f"T{uuid.uuid4().hex}")
    servers.create_topics()
    return servers


@pytest.fixture
def a_collector(kafka, influx, tmp_path):
    """Makes processes, all of one group of this test's own; it starts none, and kills those that are left."""
    group_id, made = f"test-{uuid.uuid4().hex}", []

    def make(**environment):
        folder = tmp_path / f"collector-{len(made)}"
        folder.mkdir()
        process = CollectorProcess(kafka=kafka, influx=influx, group_id=group_id, folder=folder)
        process.environment |= environment
        made.append(process)
        return process

    yield make
    for process in made:
        process.kill()

"""Real servers for the tests: one of each a run, on free ports, in temporary folders."""

import os

import fakeredis
import hypothesis
import pytest

from contracts.topics import TOPICS
from local_stack.single import running_influxd, running_kafka, running_valkey
from runtime.kafka_publisher import KafkaPublisher
from runtime.kafka_reader import KafkaLogReader
from runtime.memory_log import MemoryLog, MemoryLogReader, MemoryPublisher
from runtime.proxies import spare_loopback
from runtime.redis_client import connect_redis
from runtime.topic_setup import create_topics
from tests.s3_gateway import running_s3

# As the command does.
spare_loopback(os.environ)

# Tests are shared out by file, the longest first, so that no core waits for the last one.
LONGEST_FIRST = ("end_to_end", "flink", "kubernetes", "ml", "integration")

# A busy machine is no fault of the code.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


def pytest_collection_modifyitems(items):
    items.sort(key=_rank)


def _rank(item):
    ranks = (n for n, name in enumerate(LONGEST_FIRST) if item.get_closest_marker(name))
    return next(ranks, len(LONGEST_FIRST))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    with running_kafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="session")
def influx(tmp_path_factory):
    with running_influxd(tmp_path_factory.mktemp("influxd")) as server:
        yield server


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    with running_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def valkey(tmp_path_factory):
    with running_valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(params=["twin", pytest.param("real", marks=pytest.mark.integration)])
def redis_and_log(request):
    """An empty Redis, a reader of a log with every topic, its publisher: the twins, then real ones."""
    if request.param == "twin":
        log = MemoryLog()
        yield fakeredis.FakeRedis(), MemoryLogReader(log), MemoryPublisher(log)
        return
    bootstrap_servers = request.getfixturevalue("kafka").bootstrap_servers
    create_topics(bootstrap_servers, TOPICS, lambda _line: None)
    client = connect_redis(request.getfixturevalue("valkey").url)
    client.flushall()
    publisher = KafkaPublisher(bootstrap_servers, client_id="test")
    yield client, KafkaLogReader(bootstrap_servers), publisher
    publisher.close()
    client.close()

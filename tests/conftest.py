"""Real servers for the tests: one of each a run, on free ports, in temporary folders."""

import os

import hypothesis
import pytest

from local_stack.single import running_influxd, running_kafka, running_valkey
from runtime.proxies import spare_loopback
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

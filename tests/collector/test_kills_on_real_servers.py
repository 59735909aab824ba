"""The collector and InfluxDB are killed again and again while values come in: nothing is lost or doubled."""

import os
import random
import time
import uuid

import pytest

from contracts.measures import MEASURE_BY_NAME
from local_stack.single import running_influxd, running_kafka
from tests.collector.builders import a_body
from tests.collector.collector_process import CollectorProcess, Servers, wait_until

pytestmark = pytest.mark.integration

# The whole claim, some minutes: KILLED_VALUES=500000.
KILLED_VALUES = int(os.environ.get("KILLED_VALUES", "100000"))
COLLECTOR_KILLS, STORE_KILLED_IN = 20, (5, 10, 15)
MEASURES = ("pm10", "temperature", "humidity")
SENSORS = 2_000
LIMIT_S = 300.0


@pytest.fixture
def kafka(tmp_path):
    """One of our own: what others wrote would be read again in every life."""
    folder = tmp_path / "kafka"
    folder.mkdir()
    with running_kafka(folder) as server:
        yield server


@pytest.fixture
def influx(tmp_path):
    folder = tmp_path / "influxd"
    folder.mkdir()
    with running_influxd(folder) as server:
        yield server


@pytest.fixture
def servers(kafka, influx):
    servers = Servers(kafka, influx, kind=f"T{uuid.uuid4().hex}")
    servers.create_topics()
    return servers


@pytest.fixture
def collector(kafka, influx, tmp_path):
    process = CollectorProcess(kafka=kafka, influx=influx, group_id=uuid.uuid4().hex, folder=tmp_path)
    # As on a cluster: one that is back at once waits for nobody.
    process.environment["COLLECTOR_MEMBER_ID"] = "one"
    yield process
    if process.is_running:
        process.kill()


def publish_values(servers):
    """How many values of each measure are sent; each is of another sensor or time."""
    count, now_s = KILLED_VALUES // len(MEASURES), int(time.time())
    bodies = [
        (str(sensor), a_body(
            sensor_id=sensor + 1, observed_at_s=now_s - step, value=n / 7, sensor_type=servers.kind
        ))
        for n, (step, sensor) in ((n, divmod(n, SENSORS)) for n in range(count))
    ]  # fmt: skip
    servers.publish(dict.fromkeys(MEASURES, bodies))
    return count


def stored_counts(servers):
    return {name: servers.stored(MEASURE_BY_NAME[name].field) for name in MEASURES}


def test_twenty_kills_of_the_collector_and_three_of_the_store_lose_nothing(servers, collector, influx):
    chance = random.Random(6)  # noqa: S311 - the same each run
    count = publish_values(servers)
    for life in range(COLLECTOR_KILLS):
        collector.start()
        # Each life gets a part of the way, however far; what it did not commit is read again.
        share = KILLED_VALUES / COLLECTOR_KILLS * chance.uniform(0.1, 0.8)
        wait_until(lambda share=share: collector.points_written() >= share, limit_s=LIMIT_S)
        if life in STORE_KILLED_IN:
            influx.server.kill()
            try:
                wait_until(lambda: "no answer from InfluxDB" in (collector.unready_because() or ""))
            finally:
                influx.server.restart()
        collector.kill()
    assert min(stored_counts(servers).values()) < count  # the last kill, too, came before the end

    collector.start()
    wait_until(
        lambda: servers.uncommitted(collector.environment["COLLECTOR_GROUP_ID"], *MEASURES) == 0,
        limit_s=LIMIT_S,
    )
    assert stored_counts(servers) == dict.fromkeys(MEASURES, count)
    assert servers.stored("lat") == count  # of each reading, by whichever value came first
    assert collector.stop()[0] == 0

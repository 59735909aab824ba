"""The collector and InfluxDB are killed again and again while values come in: nothing is lost or doubled."""

import itertools
import os
import random
import time

import pytest

from contracts.measures import MEASURE_BY_NAME
from tests.collector.builders import a_body
from tests.collector.collector_process import wait_until

pytestmark = pytest.mark.integration

# The whole claim, twenty kills of the collector and three of the store in some minutes: KILLED_VALUES=500000.
KILLED_VALUES = int(os.environ.get("KILLED_VALUES", "60000"))
LIVES = max(6, KILLED_VALUES // 25_000)
STORE_KILLED_EACH, STORE_KILLED_FIRST = 7, 3  # lives
MEASURES = ("pm10", "temperature", "humidity")
PORTION = KILLED_VALUES // LIVES // len(MEASURES)  # of each measure
SENSORS, NOW_S = 2_000, int(time.time())
LIMIT_S = 300.0


@pytest.fixture
def kafka(own_kafka):
    """What others wrote would be read again in every life."""
    return own_kafka


@pytest.fixture
def influx(own_influx):
    """It is killed, too."""
    return own_influx


@pytest.fixture
def collector(a_collector):
    """As on a cluster: one that is back at once waits for nobody."""
    return a_collector(COLLECTOR_MEMBER_ID="one")


def publish_values(servers, portion):
    """A portion of values of each measure, each of another sensor or time."""
    bodies = []
    for n in range(portion * PORTION, (portion + 1) * PORTION):
        step, sensor = divmod(n, SENSORS)
        value = a_body(sensor_id=sensor, observed_at_s=NOW_S - step, value=n / 7, sensor_type=servers.kind)
        bodies.append((str(sensor), value))
    servers.publish(dict.fromkeys(MEASURES, bodies))


def stored_counts(servers):
    return {name: servers.stored(MEASURE_BY_NAME[name].field) for name in MEASURES}


def test_kills_of_the_collector_and_the_store_lose_and_double_nothing(servers, collector, influx):
    chance = random.Random(6)  # noqa: S311 - the same each run
    portions = itertools.count()
    for life in range(LIVES):
        publish_values(servers, next(portions))
        collector.start()
        written = chance.randrange(1, len(MEASURES) * PORTION)
        wait_until(lambda written=written: collector.points_written() >= written, limit_s=LIMIT_S)
        if life % STORE_KILLED_EACH == STORE_KILLED_FIRST:
            influx.server.kill()
            publish_values(servers, next(portions))
            try:
                wait_until(lambda: "no answer from InfluxDB" in (collector.unready_because() or ""))
            finally:
                influx.server.restart()
        collector.kill()

    collector.start()
    wait_until(lambda: servers.uncommitted(collector.group_id, *MEASURES) == 0, limit_s=LIMIT_S)
    count = next(portions) * PORTION
    assert stored_counts(servers) == dict.fromkeys(MEASURES, count)
    assert servers.stored("lat") == count  # of each reading, by whichever value came first
    assert collector.stop()[0] == 0

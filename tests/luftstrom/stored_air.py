"""A few sensors of our own in the shared InfluxDB, and the files of a data folder that reads it."""

import itertools
import os
import time
from contextlib import closing

from collector.bootstrap import READER_TOKEN, store_secret
from contracts.aggregates import Aggregate
from contracts.measure_values import MeasureValue
from contracts.points import STORED_BY_TOPIC
from contracts.topics import AGGREGATE_TOPICS, MEASURE_TOPICS
from runtime.influx_store import InfluxPointStore

_numbers = itertools.count(10_000_000 + os.getpid() % 1000 * 100_000)
MINUTE_S = 60


def a_sensor_id():
    """One that no other test has."""
    return next(_numbers)


def this_hour_s():
    return int(time.time()) // 3600 * 3600


def write(influx, topic, messages):
    """Store messages as the collector does."""
    stored = STORED_BY_TOPIC[topic.name]
    store = InfluxPointStore(
        url=influx.url, org=influx.org, bucket=stored.bucket.name, token=influx.write_token
    )
    with closing(store):
        store.write([text for message in messages for _, text in stored.lines(message)])


def write_values(influx, measure, sensor_id, values, *, from_s, every_s=MINUTE_S, **more):
    """A value a minute, or every so many seconds, from that time on."""
    given = {"sensor_type": "SDS011", "country": "GB", "city": "Aberdeen", "lat": 57.12345, "lon": -2.09876}
    write(
        influx,
        MEASURE_TOPICS[measure],
        [
            MeasureValue(
                sensor_id=sensor_id, observed_at_s=from_s + n * every_s, value=value, **{**given, **more}
            )
            for n, value in enumerate(values)
        ],
    )


def write_hours(influx, measure, sensor_id, means, *, from_s):
    """An hourly mean of each."""
    write(
        influx,
        AGGREGATE_TOPICS["1h"],
        [
            Aggregate(
                sensor_id=sensor_id, measure=measure, starts_at_s=from_s + n * 3600, count=20, flagged=1,
                mean=mean, low=mean - 1, high=mean + 1,
            )
            for n, mean in enumerate(means)
        ],
    )  # fmt: skip


def environment(influx, folder):
    """What `luftstrom` is told so that it reads this InfluxDB."""
    store_secret(folder / "secrets" / READER_TOKEN, influx.read_token)
    store_secret(folder / "operator", influx.operator_token)
    return {
        "LOCAL_STACK_DATA_DIR": str(folder),
        "LOCAL_STACK_INFLUX_URL": influx.url,
        "LOCAL_STACK_INFLUX_OPERATOR_TOKEN_FILE": str(folder / "operator"),
    }

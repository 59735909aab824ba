"""The small network's messages in a real InfluxDB, through the code that the collector runs."""

import time
from collections import defaultdict
from contextlib import closing

from collector.lines import kept_periods, made_of
from collector.series_guard import SeriesGuard
from contracts.stored import BUCKETS
from runtime.clock import SystemClock
from runtime.influx_store import InfluxPointStore
from runtime.log_interfaces import Partition, Records
from tests.dashboards.small_network import messages

BATCH_LINES = 5_000


def fill(influx):
    """Encode, decode and store every message; none may become a dead letter."""
    now_s = int(time.time())
    bodies_by_topic = defaultdict(list)
    for topic, message in messages(now_s):
        bodies_by_topic[topic.name].append(topic.encode(message))
    guards = {
        bucket.name: SeriesGuard(series_max=10_000, new_per_hour_max=10_000, clock=SystemClock())
        for bucket in BUCKETS
    }
    polled = {
        Partition(name, 0): Records(range(len(bodies)), bodies) for name, bodies in bodies_by_topic.items()
    }
    made = made_of(polled, kept_periods(now_s), guards)
    assert made.letters == []
    for bucket, lines in made.lines_by_bucket.items():
        with closing(
            InfluxPointStore(url=influx.url, org=influx.org, bucket=bucket, token=influx.write_token)
        ) as store:
            for start in range(0, len(lines), BATCH_LINES):
                store.write(lines.texts[start : start + BATCH_LINES])
    return now_s

"""The store after replays, through the real jobs and the real collector: the same to the last bit."""

import json
import time
from datetime import UTC, datetime

import kafka as kafka_python
import pytest
import requests

from contracts.measures import MEASURES
from contracts.stored import LIVE_BUCKET
from contracts.topics import READINGS_ARCHIVE, READINGS_RAW
from local_stack.single import running_influxd, running_kafka
from luftstrom.ledger import Ledger
from luftstrom.overview import collector_lag
from luftstrom.windows import span_of, windows_close
from runtime.influx_reader import InfluxReader
from scraper.backfill.archive_csv import archive_id
from tests.collector.collector_process import CollectorProcess
from tests.flink_jobs.split_process import JobProcess, create_topics, wait_until
from tests.flink_jobs.test_independent_reference import recorded

pytestmark = [pytest.mark.flink, pytest.mark.integration]

READINGS = 3_000
HOUR_S, DAY_S = 3_600, 86_400
GROUP = "collector"
LIMIT_S = 180.0


@pytest.fixture
def servers(tmp_path):
    for name in ("kafka", "influxd"):
        (tmp_path / name).mkdir()
    with running_kafka(tmp_path / "kafka") as kafka, running_influxd(tmp_path / "influxd") as influx:
        create_topics(kafka.bootstrap_servers)
        yield kafka, influx


@pytest.fixture
def collector(servers, tmp_path):
    kafka, influx = servers
    process = CollectorProcess(kafka=kafka, influx=influx, group_id=GROUP, folder=tmp_path).start()
    yield process
    process.kill()


@pytest.fixture
def replay(servers, connector_jars_dir, flink_cache_dir, tmp_path):
    """A function that replays a door to its end."""
    job = JobProcess(
        servers[0].bootstrap_servers, state_dir=tmp_path / "state", connector_jars_dir=connector_jars_dir,
        cache_dir=flink_cache_dir, prefix="test", job="replay",
    )  # fmt: skip

    def run(door):
        job.start("--from-s", "0", "--to-s", str(int(time.time())), "--door", door)
        assert job.wait(limit_s=LIMIT_S) == 0

    yield run
    job.close()


def publish(bootstrap_servers, topic, readings):
    producer = kafka_python.KafkaProducer(bootstrap_servers=bootstrap_servers)
    for reading, at_s in readings:
        producer.send(
            topic.name, json.dumps(reading).encode(), key=b"%d" % reading["sensor"]["id"],
            timestamp_ms=at_s * 1000,
        )  # fmt: skip
    producer.close()


def readings_of_two_days_ago():
    """The first recorded readings at a time that the store keeps, each with its Unix second."""
    chosen = [reading for reading, _ in zip(recorded(), range(READINGS), strict=False)]
    shift_s = int(time.time()) // DAY_S * DAY_S - 2 * DAY_S - second_of(chosen[0]) // DAY_S * DAY_S
    fetched_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return [(reading | {"fetched_at": fetched_at}, second_of(reading) + shift_s) for reading in chosen]


def second_of(reading):
    return int(datetime.fromisoformat(reading["timestamp"]).replace(tzinfo=UTC).timestamp())


def test_a_replay_brings_what_is_in_the_log_alone_and_more_of_them_change_nothing(servers, collector, replay):
    kafka, influx = servers
    reader = InfluxReader(url=influx.url, token=influx.read_token)
    readings = readings_of_two_days_ago()
    values = sum(len(reading["sensordatavalues"]) for reading, _ in readings)

    lines_of_a_replay = []

    def stored_after(replays):
        """Every value in the store, once the collector has written what so many replays gave."""
        metrics = f"http://127.0.0.1:{collector.metrics_port}/metrics"
        written = 'collector_points_written_total{bucket="live"} '
        least = lines_of_a_replay[0] if lines_of_a_replay else values
        wait_until(
            lambda: points(metrics, written) >= least * replays and collector_lag(metrics) == 0,
            limit_s=LIMIT_S, what=f"the points of {replays} replays",
        )  # fmt: skip
        wait_until(lambda: stored() >= values, limit_s=LIMIT_S, what="every value")
        lines_of_a_replay.append(points(metrics, written))
        rows = reader.query(LIVE_BUCKET, "SELECT * FROM air WHERE time < now() + 1d GROUP BY *")
        return sorted(repr(sorted(row.items(), key=str)) for row in rows)

    def stored():
        counts = ", ".join(f'count("{measure.field}")' for measure in MEASURES)
        rows = reader.query(LIVE_BUCKET, f"SELECT {counts} FROM air WHERE time < now() + 1d")
        return sum(n for row in rows for name, n in row.items() if name != "time" and n is not None)

    def windows():
        """What each stage has of the hours of these readings."""
        times_s = [at_s for _, at_s in readings]
        span = span_of(window_s=HOUR_S, since_s=min(times_s), until_s=max(times_s) + 1)
        ledger = Ledger(kafka.bootstrap_servers, None, reader, collector_group=GROUP)
        return ledger.windows(span, now_s=time.time())

    publish(kafka.bootstrap_servers, READINGS_RAW, readings)
    # As after a commit that was lost (docs/decisions/0012): the raw log has them, and nobody behind it.
    lost = windows()
    replay("live")
    once = stored_after(1)
    repaired = windows()
    replay("live")
    twice = stored_after(2)
    of_archive = [
        (reading | {"id": archive_id(reading["sensor"]["id"], at_s)}, at_s) for reading, at_s in readings
    ]
    publish(kafka.bootstrap_servers, READINGS_ARCHIVE, of_archive)
    replay("archive")
    both_doors = stored_after(3)

    assert sum(window.gaps["published to split"] for window in lost if window.gaps) == values
    assert not windows_close(lost)
    assert windows_close(repaired)
    assert sum(window.stored for window in repaired) == values
    assert len(once) == READINGS
    assert twice == once
    assert both_doors == once


def points(metrics_url, name):
    try:
        lines = requests.get(metrics_url, timeout=5).text.splitlines()
    except requests.ConnectionError:
        return 0.0
    return next((float(line.removeprefix(name)) for line in lines if line.startswith(name)), 0.0)

"""A replay on a real broker: killed and begun again, nothing is lost, and what is repeated is equal."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial

import kafka as kafka_python
import pytest
from kafka.structs import TopicPartition

from contracts.topics import AGGREGATE_TOPICS, MEASURE_TOPICS, READINGS_ARCHIVE, TOPICS
from local_stack.ports import free_ports
from local_stack.provisioning import create_topics
from tests.flink_jobs.split_process import ROOT, own_environment, wait_until

pytestmark = [pytest.mark.flink, pytest.mark.integration]

READINGS = int(os.environ.get("REPLAYED_READINGS", "20000"))
KILLS = int(os.environ.get("REPLAY_KILLS", "1"))
SENSORS, STEP_S = 200, 150
FIRST_ID, FIRST_SENSOR = 6_000_000_000, 6_000_000
BEGIN_S = 1_557_619_200
END_S = BEGIN_S + READINGS // SENSORS * STEP_S
VERSION = 7
LIMIT_S = 300.0


def number_of(n):
    return float(n % 40)


@pytest.fixture
def archive(kafka):
    """Readings of some sensors in the archive's topic, sensor by sensor; some are there twice."""
    written = [topic for topic in TOPICS if "flink_jobs" in topic.writers]
    create_topics(
        kafka.bootstrap_servers, [*TOPICS, *(topic.of_version(VERSION) for topic in written)], print
    )
    producer = kafka_python.KafkaProducer(bootstrap_servers=kafka.bootstrap_servers, compression_type="lz4")
    for n in range(READINGS):
        sensor, step = n // (READINGS // SENSORS), n % (READINGS // SENSORS)
        body = {
            "id": FIRST_ID + n, "sensor": {"id": FIRST_SENSOR + sensor, "sensor_type": {"name": "SDS011"}},
            "sensordatavalues": [{"value": str(number_of(n)), "value_type": "P1"}],
            "place": {"country": "GB", "city": "Aberdeen"}, "fetched_at": "2026-01-01T00:00:00Z",
        }  # fmt: skip
        for _ in range(2 if n % 100 == 0 else 1):
            producer.send(
                READINGS_ARCHIVE.name, json.dumps(body).encode(), key=str(sensor).encode(),
                timestamp_ms=(BEGIN_S + step * STEP_S) * 1000,
            )  # fmt: skip
    producer.close()
    return kafka.bootstrap_servers


class ReplayProcess:
    """`python -m flink_jobs replay`, started again as often as it is killed."""

    def __init__(self, bootstrap_servers, *, state_dir, connector_jars_dir, cache_dir, prefix):
        rest_port, metrics_port = free_ports(2)
        self.state_dir, self.process, self.log = state_dir, None, state_dir / "log"
        self._env = own_environment() | {
            "FLINK_JOBS_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "FLINK_JOBS_STATE_DIR": str(state_dir),
            "FLINK_JOBS_CONNECTOR_JARS_DIR": str(connector_jars_dir),
            "FLINK_JOBS_CACHE_DIR": str(cache_dir),
            "FLINK_JOBS_REST_PORT": str(rest_port),
            "FLINK_JOBS_METRICS_PORT": str(metrics_port),
            "FLINK_JOBS_CHECKPOINT_INTERVAL_S": "0.5",
            "FLINK_JOBS_PREFIX": prefix,
        }

    def start(self, *more):
        command = [
            sys.executable, "-m", "flink_jobs", "replay", "--from-s", str(BEGIN_S), "--to-s", str(END_S),
            "--version", str(VERSION), *more,
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self._env, stderr=log, start_new_session=True
            )

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def checkpoints(self):
        return set(self.state_dir.rglob("_metadata"))

    def has_new_checkpoint(self, before):
        assert self.process.poll() is None, self.log.read_text()[:3000]
        return bool(self.checkpoints() - before)


@pytest.fixture
def replay(archive, connector_jars_dir, flink_cache_dir, tmp_path):
    process = ReplayProcess(
        archive, state_dir=tmp_path, connector_jars_dir=connector_jars_dir,
        cache_dir=flink_cache_dir, prefix=f"test-{time.time_ns()}",
    )  # fmt: skip
    yield process
    if process.process.poll() is None:
        process.kill()


def committed(bootstrap_servers, topic):
    """The messages of a topic of our version, decoded."""
    topic = topic.of_version(VERSION)
    consumer = kafka_python.KafkaConsumer(
        bootstrap_servers=bootstrap_servers, isolation_level="read_committed"
    )
    partitions = [TopicPartition(topic.name, n) for n in range(topic.partitions)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends = consumer.end_offsets(partitions)
    messages = []
    while any(consumer.position(each) < end for each, end in ends.items()):
        polled = consumer.poll(timeout_ms=1000)
        messages += [topic.decode(record.value) for records in polled.values() for record in records]
    consumer.close()
    return messages


def test_a_killed_replay_begins_again_and_whatever_comes_twice_is_equal(replay, archive):
    for _ in range(KILLS):
        before = replay.checkpoints()
        replay.start()
        wait_until(partial(replay.has_new_checkpoint, before), limit_s=LIMIT_S, what="a checkpoint")
        replay.kill()
    replay.start()

    assert replay.process.wait(LIMIT_S) == 0
    values = {
        (each.sensor_id, each.observed_at_s, each) for each in committed(archive, MEASURE_TOPICS["pm10"])
    }
    observed = Counter((sensor_id, observed_at_s) for sensor_id, observed_at_s, _ in values)
    assert len(observed) == READINGS
    assert set(observed.values()) == {1}
    for size_s, size in ((300, "5m"), (3600, "1h"), (86_400, "1d")):
        windows = set(committed(archive, AGGREGATE_TOPICS[size]))
        expected = Counter(
            (sensor_id, observed_at_s // size_s * size_s) for sensor_id, observed_at_s in observed
        )
        assert {(w.sensor_id, w.starts_at_s): w.count + w.flagged for w in windows} == expected
        assert len(windows) == len(expected)
    assert not replay.checkpoints()

    # Of `split` alone, whose ids are on disk: each value once more, and the same.
    before = committed(archive, MEASURE_TOPICS["pm10"])
    replay.start("--job", "split")

    assert replay.process.wait(LIMIT_S) == 0
    after = committed(archive, MEASURE_TOPICS["pm10"])
    assert len(after) == len(before) + READINGS
    assert set(after) == set(before)

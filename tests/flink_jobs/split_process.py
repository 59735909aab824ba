"""A job as a process of its own, and what it reads and writes on a real broker."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import kafka
import psutil
from kafka.admin import KafkaAdminClient, NewTopic

from contracts.topics import DEAD_LETTERS, MEASURE_TOPICS, READINGS_ARCHIVE, READINGS_RAW, TOPICS
from flink_jobs.checkpoints import newest_snapshot
from flink_jobs.java_process import GATEWAY_PORT

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 90.0


def own_environment():
    """Ours without the gateway of our own Java: with one, a job is handed over to it."""
    return {name: value for name, value in os.environ.items() if name != GATEWAY_PORT}


def a_free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_until(condition, *, limit_s, what):
    """The first true result of `condition`."""
    deadline = time.monotonic() + limit_s
    while not (result := condition()):
        assert time.monotonic() < deadline, f"waited {limit_s} s for {what}"
        time.sleep(0.1)
    return result


def create_topics(bootstrap_servers, **client):
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers, **client)
    there = set(admin.list_topics())
    missing = [
        NewTopic(topic.name, topic.partitions, 1, topic_configs=topic.config)
        for topic in TOPICS
        if topic.name not in there
    ]
    if missing:
        admin.create_topics(missing)
    admin.close()


SPLIT_READS = {READINGS_RAW.name, READINGS_ARCHIVE.name}


class JobProcess:
    """`python -m flink_jobs split`, or another job, on one state folder; started as often as wanted."""

    def __init__(
        self,
        bootstrap_servers,
        *,
        state_dir,
        connector_jars_dir,
        cache_dir,
        prefix,
        job="split",
        checkpoint_interval_s=1,
        environment=(),
    ):
        self._job = job
        self.state_dir = state_dir
        self._log = state_dir.with_suffix(".log")
        self.rest_port, self.metrics_port = a_free_port(), a_free_port()
        self._env = own_environment() | {
            "FLINK_JOBS_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "FLINK_JOBS_STATE_DIR": str(state_dir),
            "FLINK_JOBS_CONNECTOR_JARS_DIR": str(connector_jars_dir),
            "FLINK_JOBS_CACHE_DIR": str(cache_dir),
            "FLINK_JOBS_REST_PORT": str(self.rest_port),
            "FLINK_JOBS_METRICS_PORT": str(self.metrics_port),
            "FLINK_JOBS_CHECKPOINT_INTERVAL_S": str(checkpoint_interval_s),
            "FLINK_JOBS_HEAP_MB": "512",
            "FLINK_JOBS_PREFIX": prefix,
            **dict(environment),
        }
        self._process = None

    def start(self, *arguments):
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flink_jobs", self._job, *arguments], cwd=ROOT, env=self._env,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def upgrade(self):
        """`python -m flink_jobs upgrade` on the state of the stopped job."""
        subprocess.run([sys.executable, "-m", "flink_jobs", "upgrade"], cwd=ROOT, env=self._env, check=True)

    def java(self):
        """The Java process, once it is there."""

        def found():
            assert self._process.poll() is None, self._log.read_text()[-2000:]
            children = psutil.Process(self._process.pid).children()
            return [child for child in children if "PythonGatewayServer" in " ".join(child.cmdline())]

        return wait_until(found, limit_s=START_TIMEOUT_S, what="Java")[0]

    def wait(self, *, limit_s):
        """The exit code, once it ends by itself."""
        return self._process.wait(limit_s)

    def kill_group(self):
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def kill_python(self):
        """Kill -9 the Python process alone and wait for the Java process to follow."""
        java = self.java()
        self._process.kill()
        self._process.wait(10)
        java.wait(10)

    def kill_java(self):
        """Kill -9 the Java process alone; the exit code of the Python process."""
        self.java().kill()
        return self._process.wait(10)

    def terminate(self):
        """SIGTERM; the exit code and the seconds it took."""
        started_s = time.monotonic()
        self._process.terminate()
        return self._process.wait(30), time.monotonic() - started_s

    def newest_snapshot(self):
        """The newest complete checkpoint or savepoint."""
        return newest_snapshot(self.state_dir)

    def events(self, name):
        """The logged events of a name, in order."""
        lines = [line for line in self._log.read_text().splitlines() if line.startswith("{")]
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def close(self):
        if self._process is not None and self._process.poll() is None:
            self.kill_group()


class CommittedLog:
    """What a reader of committed messages sees of some sensors and of some bad messages."""

    def __init__(self, bootstrap_servers, *, first_sensor_id):
        topics = [topic.name for topic in MEASURE_TOPICS.values()] + [DEAD_LETTERS.name]
        self._consumer = kafka.KafkaConsumer(
            bootstrap_servers=bootstrap_servers, isolation_level="read_committed", group_id=None,
            enable_auto_commit=False,
        )  # fmt: skip
        partitions = [
            kafka.TopicPartition(topic, number) for topic in topics
            for number in self._consumer.partitions_for_topic(topic)
        ]  # fmt: skip
        self._consumer.assign(partitions)
        self._consumer.seek_to_beginning(*partitions)
        self._first_sensor_id = first_sensor_id
        self.records = []
        self.values = Counter()  # (sensor id, value)
        self.letters = Counter()  # (topic, partition, offset)

    def read(self):
        """Read what has come; the numbers of values and letters so far."""
        while polled := self._consumer.poll(timeout_ms=200, max_records=10_000):
            for record in (record for records in polled.values() for record in records):
                self._count(record)
        return sum(self.values.values()), sum(self.letters.values())

    def _count(self, record):
        body = _decoded(record.value)
        if record.topic == DEAD_LETTERS.name:
            if body.get("source_topic") in SPLIT_READS:
                self.letters[body["source_topic"], body["source_partition"], body["source_offset"]] += 1
        elif body.get("sensor_id", 0) >= self._first_sensor_id:
            self.values[body["sensor_id"], body["value"]] += 1
            self.records.append(record)

    def close(self):
        self._consumer.close()


def _decoded(value):
    """A message as a dictionary; an empty one of what other tests wrote to the shared broker."""
    try:
        body = json.loads(value)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


class Feed:
    """Writes readings of one value each, and broken messages between them, as fast as asked."""

    def __init__(self, bootstrap_servers, *, first_sensor_id, first_id):
        self._producer = kafka.KafkaProducer(bootstrap_servers=bootstrap_servers, compression_type="lz4")
        self._sensor_id = first_sensor_id
        self._next_id = first_id
        self.expected = Counter()
        self.bad = set()

    def write(self, count, *, topic=READINGS_RAW.name):
        """`count` new readings, each written twice with the same id."""
        for _ in range(count):
            self._next_id += 1
            sensor_id, number = self._sensor_id + self._next_id % 50, float(self._next_id % 100_000)
            body = {"id": self._next_id, "sensor": {"id": sensor_id},
                    "sensordatavalues": [{"value": str(number), "value_type": "temperature"}]}  # fmt: skip
            for _ in range(2):
                self.send(
                    json.dumps(body).encode(), topic=topic, key=str(sensor_id), timestamp_ms=number * 1000
                )
            self.expected[sensor_id, number] += 1
        self._producer.flush()

    def write_one(self, sensor_id, *, timestamp_ms):
        """A reading of temperature 1 that is not among the expected."""
        self._next_id += 1
        body = {"id": self._next_id, "sensor": {"id": sensor_id},
                "sensordatavalues": [{"value": "1", "value_type": "temperature"}]}  # fmt: skip
        self.send(
            json.dumps(body).encode(), topic=READINGS_RAW.name, key=str(sensor_id), timestamp_ms=timestamp_ms
        )
        self._producer.flush()

    def write_bad(self, body):
        """One message that is no reading; None is a tombstone."""
        sent = self.send(body, topic=READINGS_RAW.name, key="0", timestamp_ms=1000).get(timeout=10)
        self.bad.add((sent.topic, sent.partition, sent.offset))

    def send(self, body, *, topic, key, timestamp_ms):
        return self._producer.send(topic, body, key=key.encode(), timestamp_ms=int(timestamp_ms))

    def close(self):
        self._producer.close()

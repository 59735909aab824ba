"""The collector as a process of its own, and what it left in the servers."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import kafka as kafka_python
import requests
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError
from kafka.structs import TopicPartition

from contracts.stored import LIVE_BUCKET, ORG
from contracts.topics import DEAD_LETTERS, MEASURE_TOPICS, TOPICS
from runtime.influx_reader import InfluxReader
from runtime.kafka_publisher import KafkaPublisher

ROOT = Path(__file__).parents[2]
LIMIT_S = 60.0


def wait_until(holds, *, limit_s=LIMIT_S):
    ends_at_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < ends_at_s, "it never came true"
        threading.Event().wait(0.05)


class CollectorProcess:
    """`python -m collector` in a group of its own."""

    def __init__(self, *, kafka, influx, group_id, folder):
        self.metrics_port = _free_port()
        self.log_path = folder / "collector.log"
        self.token_file = folder / "token"
        self.token_file.write_text(influx.write_token)
        self.group_id, self.process = group_id, None
        self.environment = {
            **os.environ,
            "COLLECTOR_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "COLLECTOR_INFLUX_URL": influx.url,
            "COLLECTOR_INFLUX_ORG": ORG,
            "COLLECTOR_INFLUX_TOKEN_FILE": str(self.token_file),
            "COLLECTOR_METRICS_PORT": str(self.metrics_port),
            "COLLECTOR_GROUP_ID": group_id,
            "COLLECTOR_BATCH_LINES": "1000",
            "COLLECTOR_BATCH_AGE_S": "0.2",
            "COLLECTOR_STOP_FLUSH_S": "2",  # a busy machine takes its time for the rest
        }

    def start(self):
        with self.log_path.open("ab") as log_file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "collector"], cwd=ROOT, env=self.environment, stderr=log_file
            )
        return self

    def kill(self):
        if self.is_running:
            self.process.kill()
            self.process.wait(LIMIT_S)

    def stop(self):
        """Exit code and seconds it took."""
        started_at_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT_S), time.monotonic() - started_at_s

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def points_written(self):
        """Since its start, repeats included."""
        return self.metric("collector_points_written_total")

    def metric(self, name):
        """Its value now, of all labels; 0 before it is up."""
        try:
            text = requests.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5).text
        except requests.ConnectionError:
            return 0.0
        lines = (line.rsplit(" ", 1) for line in text.splitlines())
        return sum(float(value) for series, value in lines if series.partition("{")[0] == name)

    def unready_because(self):
        try:
            return requests.get(f"http://127.0.0.1:{self.metrics_port}/readyz", timeout=5).json()["because"]
        except requests.ConnectionError:
            return "not up"


class Servers:
    """What lies in the real servers; `kind` is the sensor type of this test's values alone."""

    def __init__(self, kafka, influx, *, kind):
        self.bootstrap_servers, self.kind = kafka.bootstrap_servers, kind
        self.reader = InfluxReader(url=influx.url, token=influx.read_token)

    def create_topics(self):
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        existing = set(admin.list_topics())
        for topic in TOPICS:
            if topic.name not in existing:
                try:
                    admin.create_topics(
                        [NewTopic(topic.name, topic.partitions, 1, topic_configs=topic.config)]
                    )
                except TopicAlreadyExistsError:
                    continue
        admin.close()

    def publish(self, bodies_by_measure):
        publisher = KafkaPublisher(self.bootstrap_servers, client_id="test")
        for measure, bodies in bodies_by_measure.items():
            for key, body in bodies:
                publisher.publish(MEASURE_TOPICS[measure].name, body, key=key, timestamp_ms=_now_ms())
        publisher.flush(LIMIT_S)
        publisher.close()

    def stored(self, field):
        """How many values of a field are stored."""
        query = f"SELECT count({field}) FROM air WHERE sensor_type = '{self.kind}'"
        try:
            rows = self.reader.query(LIVE_BUCKET, query)
        except (RuntimeError, ValueError):  # influxd is away, or just coming up
            return -1
        return rows[0]["count"] if rows else 0

    def dead_letters(self, topic):
        """The dead letters about a topic."""
        consumer = kafka_python.KafkaConsumer(
            bootstrap_servers=self.bootstrap_servers,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            consumer_timeout_ms=2000,
        )
        consumer.assign([TopicPartition(DEAD_LETTERS.name, 0)])
        letters = [DEAD_LETTERS.decode(record.value) for record in consumer]
        consumer.close()
        return [letter for letter in letters if letter.source_topic == topic]

    def uncommitted(self, group_id, *measures):
        """Records of the measures' topics that a group has still to commit."""
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        committed = {
            partition: offset.offset
            for partition, offset in _offsets_of(admin, group_id).items()
            if offset.offset >= 0
        }
        admin.close()
        consumer = kafka_python.KafkaConsumer(bootstrap_servers=self.bootstrap_servers)
        partitions = [
            TopicPartition(MEASURE_TOPICS[measure].name, number)
            for measure in measures
            for number in range(MEASURE_TOPICS[measure].partitions)
        ]
        ends = consumer.end_offsets(partitions)
        consumer.close()
        return sum(end - committed.get(partition, 0) for partition, end in ends.items())


def _offsets_of(admin, group_id):
    offsets = admin.list_group_offsets(group_id)
    return offsets.get(group_id, offsets)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _now_ms():
    return int(time.time() * 1000)

"""How long a value takes from its reading in Kafka to a reader of committed values, by guarantee.

`python -m benchmarks.stream.latency [seconds]`: 100 readings a second for 30 seconds, for each setting.
"""

import json
import statistics
import subprocess
import sys
import time

import kafka

from benchmarks.processes import ROOT, python
from benchmarks.stream.load import broker_with_topics
from contracts.topics import MEASURE_TOPICS, READINGS_RAW
from flink_jobs.job import Job
from local_stack.install import install
from local_stack.ports import free_ports
from local_stack.programs import flink_environment
from local_stack.settings import Settings

SECONDS = 30
READINGS_S = 100
SETTINGS = ((True, 5.0), (True, 1.0), (False, 5.0))
START_LIMIT_S = 120.0


def main(seconds: int) -> None:
    """Print median and 95th percentile of each setting."""
    installed = install(lambda _line: None)
    print(f"{'exactly once':<14}{'checkpoints s':>14}{'median s':>10}{'p95 s':>8}")
    for exactly_once, checkpoint_s in SETTINGS:
        with broker_with_topics() as (folder, brokers):
            rest_port, metrics_port = free_ports(2)
            stack = Settings(
                data_dir=folder, kafka_bootstrap_servers=brokers,
                checkpoint_interval_s=checkpoint_s, exactly_once=exactly_once,
            )  # fmt: skip
            environment = {
                **flink_environment(installed, stack),
                "FLINK_JOBS_REST_PORT": str(rest_port),
                "FLINK_JOBS_METRICS_PORT": str(metrics_port),
            }
            with (folder / "log").open("wb") as log:
                job = subprocess.Popen(
                    python("-m", "flink_jobs", Job.SPLIT), cwd=ROOT, stdout=log, stderr=log,
                    env={"PATH": "/usr/bin:/bin", **environment},
                )  # fmt: skip
            try:
                waited = sorted(_latencies(brokers, seconds))
            finally:
                job.kill()
                job.wait()
        p95 = waited[int(len(waited) * 0.95)]
        print(
            f"{exactly_once!s:<14}{checkpoint_s:>14.0f}{statistics.median(waited):>10.2f}{p95:>8.2f}",
            flush=True,
        )


def _latencies(brokers: str, seconds: int) -> list[float]:
    producer = kafka.KafkaProducer(bootstrap_servers=brokers, linger_ms=5)
    topic = MEASURE_TOPICS["temperature"].name
    consumer = kafka.KafkaConsumer(
        topic, bootstrap_servers=brokers, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    _send(producer, 0)
    ends_at_s = time.monotonic() + START_LIMIT_S
    while not consumer.poll(timeout_ms=200):
        if time.monotonic() > ends_at_s:
            raise TimeoutError(f"no value after {START_LIMIT_S} s")
    waited: list[float] = []
    sent, began_s = 0, time.monotonic()
    while len(waited) < seconds * READINGS_S:
        due = min(int((time.monotonic() - began_s) * READINGS_S), seconds * READINGS_S)
        for number in range(sent, due):
            _send(producer, number + 1)
        sent = due
        for records in consumer.poll(timeout_ms=10).values():
            # The time of a record is that of its reading, here the moment when it was sent.
            waited += [time.time() - record.timestamp / 1000 for record in records]
    return waited


def _send(producer: kafka.KafkaProducer, number: int) -> None:
    body = {
        "id": number + 1, "sensor": {"id": 1 + number % 500},
        "sensordatavalues": [{"value": "1", "value_type": "temperature"}],
    }  # fmt: skip
    producer.send(
        READINGS_RAW.name, json.dumps(body).encode(), key=b"%d" % (number % 500),
        timestamp_ms=int(time.time() * 1000),
    )  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)

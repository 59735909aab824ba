"""The predictor as a process of its own, and what it left in the servers."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import kafka as kafka_python
import requests
from kafka.structs import TopicPartition

from contracts.topics import FORECAST_SKILL, FORECASTS
from local_stack.ports import free_ports
from local_stack.provisioning import create_topics

ROOT = Path(__file__).parents[2]
LIMIT_S = 60.0


def wait_until(holds, *, limit_s=LIMIT_S):
    ends_at_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < ends_at_s, "it never came true"
        threading.Event().wait(0.05)


class PredictorProcess:
    """`python -m app_predict`."""

    def __init__(self, *, kafka, influx, folder, registry, measures, **settings):
        self.log_path = folder / "app_predict.log"
        (self.port,) = free_ports(1)
        token_file = folder / "token"
        token_file.write_text(influx.read_token)
        self.environment = {
            **os.environ,
            "APP_PREDICT_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "APP_PREDICT_INFLUX_URL": influx.url,
            "APP_PREDICT_INFLUX_TOKEN_FILE": str(token_file),
            "APP_PREDICT_REGISTRY": str(registry),
            "APP_PREDICT_STATE_DIR": str(folder / "state"),
            "APP_PREDICT_METRICS_PORT": str(self.port),
            "APP_PREDICT_MEASURES": measures,
            "APP_PREDICT_CHECK_INTERVAL_S": "0.2",
            **{f"APP_PREDICT_{name.upper()}": str(value) for name, value in settings.items()},
        }

    def run(self, *arguments):
        """Exit code and standard output of a run that ends by itself."""
        with self.log_path.open("ab") as log_file:
            done = subprocess.run(
                [sys.executable, "-m", "app_predict", *arguments], cwd=ROOT, env=self.environment,
                stdout=subprocess.PIPE, stderr=log_file, timeout=LIMIT_S, check=False, text=True,
            )  # fmt: skip
        return done.returncode, done.stdout

    def start(self):
        with self.log_path.open("ab") as log_file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app_predict"], cwd=ROOT, env=self.environment, stderr=log_file
            )

    def stop(self):
        """Exit code and seconds it took."""
        started_at_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT_S), time.monotonic() - started_at_s

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(LIMIT_S)

    def is_ready(self):
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).ok
        except requests.ConnectionError:
            return False

    def metrics(self):
        return requests.get(f"http://127.0.0.1:{self.port}/metrics", timeout=5).text


class Topics:
    """What is said on the topics of forecasts from now on."""

    def __init__(self, kafka):
        create_topics(kafka.bootstrap_servers, (FORECASTS, FORECAST_SKILL), lambda _line: None)
        self._consumer = kafka_python.KafkaConsumer(bootstrap_servers=kafka.bootstrap_servers)
        partitions = [TopicPartition(FORECASTS.name, number) for number in range(FORECASTS.partitions)]
        self._consumer.assign(partitions)
        self._consumer.seek_to_end(*partitions)
        for partition in partitions:
            self._consumer.position(partition)
        self._forecasts = []

    def forecasts(self, sensor_ids):
        """All forecasts of these sensors so far."""
        for records in self._consumer.poll(timeout_ms=200).values():
            self._forecasts += [FORECASTS.decode(record.value) for record in records]
        return [each for each in self._forecasts if each.sensor_id in sensor_ids]

    def close(self):
        self._consumer.close()

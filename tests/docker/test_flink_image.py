"""The image of the Flink jobs, as Flink's Kubernetes operator runs it: PythonDriver, `-pym flink_jobs`."""

import time
from pathlib import Path

import msgspec
import pytest

from contracts.topics import MEASURE_TOPICS, READINGS_RAW, TOPICS
from local_stack.ports import free_ports
from runtime.kafka_log import KafkaPublisher
from runtime.kafka_reader import KafkaLogReader
from runtime.topic_setup import create_topics
from tests.docker.builder import MB

pytestmark = [pytest.mark.kubernetes, pytest.mark.flink, pytest.mark.timeout(1500)]

ROOT = Path(__file__).parents[2]
READING = ROOT / "contracts" / "examples" / "readings-raw-v1" / "sds011.json"
BUDGET_MB = 1200
UID = 9999
SIGTERM_EXIT_CODE = 128 + 15  # Java's
SENSOR_ID = 880_018
WAIT_S = 240
FLINK = "/opt/flink"


def test_it_is_within_its_budget_and_runs_as_nobody(image, builder):
    name = image("flink-jobs")

    assert builder.size(name) <= BUDGET_MB * MB
    assert builder.configuration(name)["User"] == f"{UID}:{UID}"


def test_everything_that_the_operator_starts_is_there(image, containers):
    started = ("kubernetes-jobmanager.sh", "kubernetes-taskmanager.sh", "flink")
    jars = (
        "opt/flink-python",
        "lib/flink-sql-connector-kafka",
        "plugins/s3/flink",
        "plugins/metrics-prometheus/flink",
    )
    looked = " && ".join(f"ls {FLINK}/{jar}-*.jar" for jar in jars)
    command = f"{looked} && command -v {' '.join(started)}"
    ended = containers.run(image("flink-jobs"), "bash", "-c", command, uid=UID)

    assert ended.returncode == 0, ended.stderr


def test_the_python_driver_hands_the_job_over_and_values_come_out(image, containers, kafka, tmp_path):
    create_topics(kafka.bootstrap_servers, TOPICS, lambda _line: None)
    reading = msgspec.json.decode(READING.read_bytes())
    reading["sensor"]["id"] = SENSOR_ID
    reading["id"] = int(time.time() * 1000)
    publisher = KafkaPublisher(kafka.bootstrap_servers, client_id="test")
    publisher.publish(
        READINGS_RAW.name,
        msgspec.json.encode(reading),
        key=str(SENSOR_ID),
        timestamp_ms=int(time.time() * 1000),
    )
    publisher.flush()
    publisher.close()
    rest_port, metrics_port = free_ports(2)
    environment = {
        "FLINK_JOBS_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "FLINK_JOBS_PREFIX": "of-the-image",
        "FLINK_JOBS_EXACTLY_ONCE": "false",
        "_JAVA_OPTIONS": "-Xmx768m",
    }
    options = {
        "execution.target": "local",
        "execution.attached": "true",
        "rest.port": rest_port,
        "metrics.reporter.prom.port": metrics_port,
        "taskmanager.numberOfTaskSlots": 1,
    }
    log = tmp_path / "log"
    running = containers.running(
        image("flink-jobs"), "flink", "run", *(f"-D{name}={value}" for name, value in options.items()),
        "-pym", "flink_jobs", "split",
        log=log, environment=environment, uid=UID, ends_with=SIGTERM_EXIT_CODE,
    )  # fmt: skip
    with running:
        reader = KafkaLogReader(kafka.bootstrap_servers)
        ends_at = time.monotonic() + WAIT_S
        while not (values := values_of(reader)):
            assert time.monotonic() < ends_at, log.read_text()[-4000:]
            time.sleep(1)

    assert [value["value"] for value in values] == [1.03]


def values_of(reader):
    values = [msgspec.json.decode(record.value) for _, record in reader.records(MEASURE_TOPICS["pm10"].name)]
    return [value for value in values if value["sensor_id"] == SENSOR_ID]

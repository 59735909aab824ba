"""The job on a broker that wants a user and shows a certificate of our own CA."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from contracts.topics import MEASURE_TOPICS, READINGS_RAW
from flink_jobs.kafka_properties import kafka_properties
from runtime.kafka_publisher import KafkaPublisher
from runtime.kafka_reader import KafkaLogReader
from runtime.kafka_security import KafkaSecurity
from tests.docker.secured_kafka import running_secured_kafka
from tests.flink_jobs.split_process import JobProcess, create_topics, wait_until

ROOT = Path(__file__).parents[2]
LIMIT_S = 300.0
NOON_MS = 1_795_651_200_000
READING = ROOT / "contracts" / "examples" / "readings-raw-v1" / "sds011.json"


def test_without_security_there_is_only_the_address():
    assert kafka_properties("here:9092") == {"properties.bootstrap.servers": "here:9092"}


def test_the_password_stays_in_its_file(tmp_path):
    (tmp_path / "password").write_text("a secret")
    security = KafkaSecurity(protocol="SASL_SSL", username="flink", password_file=tmp_path / "password")

    assert "a secret" not in str(kafka_properties("here:9092", security))


@pytest.mark.integration
@pytest.mark.flink
def test_the_job_reads_and_writes_as_its_user(tmp_path, connector_jars_dir, flink_cache_dir):
    secrets = tmp_path / "secrets"
    command = [sys.executable, ROOT / "docker" / "first_start.py", secrets, "--tls"]
    subprocess.run(command, check=True, capture_output=True)
    (tmp_path / "kafka").mkdir()
    with running_secured_kafka(tmp_path / "kafka", secrets) as kafka:
        create_topics(kafka.bootstrap_servers, **kafka.security("setup").for_kafka_python())
        job = JobProcess(
            kafka.bootstrap_servers,
            state_dir=tmp_path / "state",
            connector_jars_dir=connector_jars_dir,
            cache_dir=flink_cache_dir,
            prefix="secured",
            environment={
                "FLINK_JOBS_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
                "FLINK_JOBS_KAFKA_USERNAME": "flink",
                "FLINK_JOBS_KAFKA_PASSWORD_FILE": str(secrets / "flink" / "kafka.password"),
                "FLINK_JOBS_KAFKA_CA_FILE": str(secrets / "flink" / "ca.crt"),
            },
        )
        (tmp_path / "state").mkdir()
        with closing(job):
            job.start()
            publisher = KafkaPublisher(
                kafka.bootstrap_servers, client_id="test", security=kafka.security("scraper")
            )
            with closing(publisher):
                publisher.publish(READINGS_RAW.name, READING.read_bytes(), key="71", timestamp_ms=NOON_MS)
                publisher.flush()
            reader = KafkaLogReader(kafka.bootstrap_servers, security=kafka.security("collector"))
            stored = wait_until(
                lambda: [record.value for _, record in reader.records(MEASURE_TOPICS["pm10"].name)],
                limit_s=LIMIT_S,
                what="a value of the reading",
            )

    (entry,) = [
        e for e in msgspec.json.decode(READING.read_bytes())["sensordatavalues"] if e["value_type"] == "P1"
    ]
    assert [msgspec.json.decode(value)["value"] for value in stored] == [float(entry["value"])]

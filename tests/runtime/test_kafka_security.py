"""Users and TLS at Kafka: who we are is in settings and files, and a broker asks for both."""

import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from pydantic_settings import SettingsConfigDict

from contracts.errors import UnavailableError
from runtime.confluent_log import ConfluentRecordSource
from runtime.kafka_log import KafkaRecordSource
from runtime.kafka_publisher import KafkaPublisher
from runtime.kafka_reader import KafkaLogReader
from runtime.kafka_security import OPEN, KafkaSecuritySettings
from runtime.secret_file import secret_in
from runtime.settings import SettingsError, read_settings
from tests.docker.secured_kafka import running_secured_kafka

FIRST_START = Path(__file__).parents[2] / "docker" / "first_start.py"
TOPIC = "secured"
WAIT_S = 60


class Settings(KafkaSecuritySettings):
    model_config = SettingsConfigDict(env_prefix="KITCHEN_")


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    secrets, folder = tmp_path_factory.mktemp("secrets"), tmp_path_factory.mktemp("kafka")
    subprocess.run([sys.executable, FIRST_START, secrets, "--tls"], check=True, capture_output=True)
    with running_secured_kafka(folder, secrets) as kafka:
        admin = KafkaAdminClient(
            bootstrap_servers=kafka.bootstrap_servers, **kafka.security("setup").for_kafka_python()
        )
        with closing(admin):
            admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
        yield kafka


def test_without_settings_nobody_asks_who_we_are():
    security = read_settings(Settings).kafka_security

    assert security == OPEN
    assert security.for_kafka_python() == security.for_librdkafka() == {}


def test_a_user_without_a_password_file_is_told_which_setting_is_missing():
    given = {"kafka_security_protocol": "SASL_SSL", "kafka_username": "cook"}

    with pytest.raises(SettingsError, match="KITCHEN_KAFKA_PASSWORD_FILE is not set"):
        read_settings(Settings, **given)


def test_a_password_that_is_not_there_is_told_with_its_file(tmp_path):
    for make in (lambda: None, (tmp_path / "password").touch):
        make()
        with pytest.raises(UnavailableError, match="no secret in .*password"):
            secret_in(tmp_path / "password")


@pytest.mark.integration
def test_a_broker_that_was_stopped_starts_again_with_its_users_and_topics(secured):
    secured.server.restart()

    setup = secured.security("setup").for_kafka_python()
    with closing(KafkaAdminClient(bootstrap_servers=secured.bootstrap_servers, **setup)) as admin:
        assert TOPIC in admin.list_topics()


@pytest.mark.integration
@pytest.mark.parametrize("source_type", [KafkaRecordSource, ConfluentRecordSource])
def test_every_client_goes_through_with_its_user(secured, source_type):
    servers, security = secured.bootstrap_servers, secured.security("collector")
    with closing(KafkaPublisher(servers, client_id="test", security=secured.security("scraper"))) as log:
        log.publish(TOPIC, b"soup", key=None, timestamp_ms=0)
        log.flush()
    source = source_type(
        servers, topics=[TOPIC], group_id=source_type.__name__, client_id="test", security=security
    )
    with closing(source):
        ends_at = time.monotonic() + WAIT_S
        polled = {}
        while not polled and time.monotonic() < ends_at:
            polled = source.poll(1.0, max_records=1)
    read = [record.value for _, record in KafkaLogReader(servers, security=security).records(TOPIC)]

    assert [records.values[0] for records in polled.values()] == [b"soup"]
    assert set(read) == {b"soup"}


@pytest.mark.integration
@pytest.mark.parametrize("wrong", ["no user", "password", "authority"])
def test_whoever_proves_nothing_is_refused(secured, wrong, tmp_path):
    right = secured.security("scraper")
    (tmp_path / "password").write_text("guessed")
    security = {
        "no user": OPEN,
        "password": replace(right, password_file=tmp_path / "password"),
        "authority": replace(right, ca_file=None),
    }[wrong]

    with pytest.raises(UnavailableError):
        KafkaPublisher(secured.bootstrap_servers, client_id="test", security=security)

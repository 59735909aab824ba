"""The rights of Kafka's users that the chart renders, on a real broker that asks for names and passwords."""

import re
import time
import uuid
from contextlib import closing

import kafka
import pytest
from kafka.admin import KafkaAdminClient, NewTopic, ScramMechanism, UserScramCredentialUpsertion
from kafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TransactionalIdAuthorizationFailedError,
)

from contracts.points import STORED_BY_TOPIC
from contracts.topics import DEAD_LETTERS, FORECASTS, MEASURE_TOPICS, READINGS_RAW, TOPICS
from local_stack.install import install
from local_stack.kafka import kafka_command, prepare_kafka, require_kafka
from local_stack.ports import free_ports
from local_stack.single import Server
from luftstrom.deploy.chart_files import COLLECTOR_GROUP, FLINK_PREFIX
from tests.kubernetes.kafka_rights import give_rights
from tests.kubernetes.rendering import of_kind, rendered

pytestmark = [pytest.mark.kubernetes, pytest.mark.integration]

# The broker's own listener asks nobody, and whoever comes by it may do anything: it makes users and topics.
GUARD = """
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port},GUARDED://127.0.0.1:{guarded_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port},\
GUARDED://127.0.0.1:{guarded_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.guarded.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
PASSWORD = uuid.uuid4().hex
LIMIT_S = 30
A_MEASURE = MEASURE_TOPICS["pm10"].name


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A broker with the chart's topics, users and rights; the address that asks who comes."""
    folder, installed = tmp_path_factory.mktemp("kafka"), install(lambda _line: None)
    port, controller_port, guarded_port = free_ports(3)
    ports = {"port": port, "controller_port": controller_port}
    archive = {"archive_option": installed.kafka_archive_option}
    prepare_kafka(installed.java, installed.kafka_jars, folder, **ports, **archive)
    properties = (folder / "server.properties").read_text()
    properties = re.sub(
        r"^(advertised\.)?listeners=.*\n|^listener\.security.*\n", "", properties, flags=re.MULTILINE
    )
    (folder / "server.properties").write_text(properties + GUARD.format(**ports, guarded_port=guarded_port))
    command = kafka_command(installed.java, installed.kafka_jars, folder, **archive)
    server = Server(command, log=folder / "server.log", require=lambda: require_kafka(f"127.0.0.1:{port}"))
    server.start()
    try:
        with closing(KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}")) as admin:
            make_all(admin)
        yield f"127.0.0.1:{guarded_port}"
    finally:
        server.stop()


def make_all(admin):
    users = of_kind(rendered("default"), "KafkaUser")
    admin.alter_user_scram_credentials(
        [UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, PASSWORD) for user in users]
    )
    admin.create_topics([NewTopic(topic.name, num_partitions=1, replication_factor=1) for topic in TOPICS])
    give_rights(admin, users)


def access(address, user, password=PASSWORD):
    return {
        "bootstrap_servers": address,
        "bootstrap_timeout_ms": 10_000,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": f"luftstrom-{user}",
        "sasl_plain_password": password,
    }


def write(address, user, topic):
    with closing(kafka.KafkaProducer(**access(address, user), max_block_ms=10_000)) as producer:
        return producer.send(topic, b"{}").get(timeout=LIMIT_S)


def read(address, user, topic, group, limit_s=LIMIT_S):
    """The first record, as a member of the group; what it read is committed."""
    options = {"group_id": group, "auto_offset_reset": "earliest", "enable_auto_commit": False}
    with closing(kafka.KafkaConsumer(**access(address, user), **options)) as consumer:
        consumer.subscribe([topic])
        ends_at_s = time.monotonic() + limit_s
        while time.monotonic() < ends_at_s:
            for records in consumer.poll(timeout_ms=500).values():
                consumer.commit()
                return records[0].value
    raise TimeoutError(topic)


def test_each_room_does_its_part(address):
    write(address, "scraper", READINGS_RAW.name)
    write(address, "scraper", DEAD_LETTERS.name)
    write(address, "predictor", FORECASTS.name)

    assert read(address, "flink", READINGS_RAW.name, f"{FLINK_PREFIX}-all") == b"{}"
    assert read(address, "collector", FORECASTS.name, COLLECTOR_GROUP) == b"{}"


def test_flink_commits_transactions_of_its_name_and_of_no_other(address):
    mine, other = (
        kafka.KafkaProducer(**access(address, "flink"), transactional_id=name, max_block_ms=10_000)
        for name in (f"{FLINK_PREFIX}-all-values-0", "somebody-else-0")
    )
    with closing(mine), closing(other):
        mine.init_transactions()
        mine.begin_transaction()
        mine.send(A_MEASURE, b"{}").get(timeout=LIMIT_S)
        mine.commit_transaction()
        with pytest.raises(TransactionalIdAuthorizationFailedError):
            other.init_transactions()


def test_flink_finds_its_open_transactions_in_all_that_it_writes(address):
    written = [kafka.TopicPartition(topic.name, 0) for topic in TOPICS if "flink_jobs" in topic.writers]
    with closing(KafkaAdminClient(**access(address, "flink"))) as admin:
        assert set(admin.describe_producers(written)) == set(written)


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("scraper", A_MEASURE), ("collector", A_MEASURE), ("predictor", READINGS_RAW.name),
        ("flink", READINGS_RAW.name), ("keda", FORECASTS.name),
    ],
)  # fmt: skip
def test_what_another_writes_is_refused(address, user, topic):
    # Whoever may write nothing is refused before, as one who may not be idempotent.
    with pytest.raises(KafkaError, match="AuthorizationFailed"):
        write(address, user, topic)


@pytest.mark.parametrize(
    ("user", "topic", "group", "refusal"),
    [
        ("collector", READINGS_RAW.name, COLLECTOR_GROUP, TimeoutError),
        ("collector", FORECASTS.name, "somebody-else", GroupAuthorizationFailedError),
        ("keda", next(iter(STORED_BY_TOPIC)), COLLECTOR_GROUP, KafkaError),
    ],
)
def test_what_is_not_ones_own_cannot_be_read(address, user, topic, group, refusal):
    write(address, "scraper", READINGS_RAW.name)
    write(address, "predictor", FORECASTS.name)

    # A topic that one may not even see gives nothing; a group says no.
    with pytest.raises(refusal):
        read(address, user, topic, group, limit_s=5)


def test_nobody_comes_in_without_the_password(address):
    with pytest.raises(KafkaError):
        kafka.KafkaProducer(
            **access(address, "scraper", password="guessed") | {"bootstrap_timeout_ms": 2_000}
        )

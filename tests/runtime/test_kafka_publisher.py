"""What the writer tells of what the broker did not take, and how much it keeps for it."""

import time
from contextlib import closing

import kafka as kafka_python
import pytest

from contracts.errors import UnavailableError
from local_stack.provisioning import create_topics
from runtime import kafka_publisher
from runtime.kafka_publisher import KafkaPublisher
from tests.runtime.test_kafka_log import KafkaHouse, publish


@pytest.mark.integration
def test_a_record_that_the_broker_refuses_is_told_at_the_flush(kafka):
    house = KafkaHouse(kafka.bootstrap_servers)
    tomorrow_ms = int((time.time() + 86_400) * 1000)  # the broker takes an hour at most
    with closing(house.publisher()) as publisher:
        publisher.publish(house.topic, b"early", key=None, timestamp_ms=tomorrow_ms)
        with pytest.raises(UnavailableError, match="1 records"):
            publisher.flush()
        publish(publisher, house, b"in time")


@pytest.mark.integration
def test_no_more_is_handed_over_than_may_wait_for_the_broker(kafka, monkeypatch):
    monkeypatch.setattr(kafka_publisher, "UNFLUSHED_KIB_MAX", 2)
    house = KafkaHouse(kafka.bootstrap_servers)
    tomorrow_ms = int((time.time() + 86_400) * 1000)
    with closing(house.publisher()) as publisher:
        publisher.publish(house.topic, b"early" * 300, key=None, timestamp_ms=tomorrow_ms)
        with pytest.raises(UnavailableError, match="1 records"):  # which only a report can tell
            publisher.publish(house.topic, b"in time" * 300, key=None, timestamp_ms=1_767_225_600_000)


@pytest.mark.integration
def test_more_than_may_wait_is_written_all_the_same(kafka, monkeypatch):
    monkeypatch.setattr(kafka_publisher, "UNFLUSHED_KIB_MAX", 2)
    house = KafkaHouse(kafka.bootstrap_servers)
    bodies = [str(number).encode() * 300 for number in range(50)]
    with closing(house.publisher()) as publisher:
        publish(publisher, house, *bodies)

    assert [record.value for _, record in house.reader().records(house.topic)] == bodies


@pytest.mark.integration
def test_a_record_of_a_topic_that_is_not_there_is_told_with_the_reason(kafka, monkeypatch):
    monkeypatch.setitem(kafka_publisher._WRITING, "topic.metadata.propagation.max.ms", 500)
    with closing(KafkaPublisher(kafka.bootstrap_servers, client_id="test")) as publisher:
        publisher.publish("no-such-topic", b"one", key=None, timestamp_ms=1)
        with pytest.raises(UnavailableError, match="Unknown topic"):
            publisher.flush()


@pytest.mark.integration
def test_a_key_has_the_partition_that_other_clients_give_it(kafka):
    house = KafkaHouse(kafka.bootstrap_servers)
    create_topics(kafka.bootstrap_servers, [house.two_partitions], lambda _line: None)
    topic = house.two_partitions.name
    publisher = house.publisher()
    other = kafka_python.KafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
    try:
        for number in range(20):
            publisher.publish(topic, b"ours", key=str(number), timestamp_ms=1)
            other.send(topic, value=b"theirs", key=str(number).encode())
        publisher.flush()
        other.flush()
    finally:
        publisher.close()
        other.close()
    partitions = {}
    for partition, record in house.reader().records(topic):
        partitions.setdefault(record.key, []).append(partition)

    assert len(partitions) == 20
    assert all(first == second for first, second in partitions.values())
    assert len({first for first, _ in partitions.values()}) == 2

"""A whole network, its sensors followed on a real Kafka and a real Valkey."""

import json
from itertools import islice

import kafka as kafka_python
import pytest
from kafka.structs import TopicPartition
from prometheus_client import CollectorRegistry

from benchmarks.whole_network import payloads_of
from contracts.sensors import SensorChange
from contracts.topics import SENSORS, TOPICS
from local_stack.provisioning import create_topics
from runtime.clock import SystemClock
from runtime.kafka_publisher import KafkaPublisher
from runtime.redis_client import connect_redis
from scraper.memory import SENSORS_KEY, Memory
from scraper.metrics import Metrics
from scraper.place_cache import RedisPlaceCache
from scraper.places import Places
from scraper.polling import Poller, Rules
from scraper.shared_memory import SharedMemory
from tests.scraper.feed import FixedSource
from tests.scraper.scripted_lease import ScriptedLease

pytestmark = pytest.mark.integration

PARTITION = TopicPartition(SENSORS.name, 0)


@pytest.fixture
def client(valkey):
    client = connect_redis(valkey.url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def publisher(kafka):
    create_topics(kafka.bootstrap_servers, TOPICS, lambda _line: None)
    publisher = KafkaPublisher(kafka.bootstrap_servers, client_id="test")
    yield publisher
    publisher.close()


@pytest.fixture
def consumer(kafka, publisher):
    consumer = kafka_python.KafkaConsumer(bootstrap_servers=kafka.bootstrap_servers)
    consumer.assign([PARTITION])
    consumer.seek_to_end(PARTITION)
    consumer.position(PARTITION)
    yield consumer
    consumer.close()


def test_the_first_poll_tells_every_sensor_with_its_place_and_the_next_nothing(client, publisher, consumer):
    began_at = consumer.position(PARTITION)
    payloads = payloads_of()
    sensors = {record["sensor"]["id"] for record in json.loads(payloads[0])}

    def poll(payload):
        Poller(
            FixedSource(payload),
            publisher,
            SharedMemory(Memory(client), ScriptedLease(), Metrics(CollectorRegistry())),
            places=Places(RedisPlaceCache(client)),
            clock=SystemClock(),
            metrics=Metrics(CollectorRegistry()),
            rules=Rules(future_s_max=300.0),
        ).poll()
        return consumer.end_offsets([PARTITION])[PARTITION] - began_at

    assert poll(payloads[0]) == len(sensors) > 23_000
    assert poll(payloads[1]) == len(sensors)

    records = list(islice(consumer, len(sensors)))
    told = [SENSORS.decode(record.value) for record in records]

    assert {sensor.changes for sensor in told} == {(SensorChange.NEW,)}
    assert [int(record.key) for record in records] == [sensor.sensor_id for sensor in told]
    assert {sensor.sensor_id for sensor in told} == sensors
    assert all(sensor.place and sensor.place.city and sensor.place.country_name for sensor in told)
    assert client.strlen(SENSORS_KEY) < 1_000_000

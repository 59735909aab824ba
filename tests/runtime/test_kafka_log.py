"""The log, in memory and on a real broker: the same claims of both."""

import time
import uuid
from dataclasses import replace

import kafka as kafka_python
import pytest

from contracts.dead_letters import DeadLetter
from contracts.errors import UnavailableError
from contracts.topics import DEAD_LETTERS, Topic
from local_stack.provisioning import create_topics
from runtime.confluent_log import ConfluentRecordSource
from runtime.kafka_log import KafkaRecordSource
from runtime.kafka_publisher import KafkaPublisher
from runtime.kafka_reader import KafkaLogReader
from runtime.log_interfaces import Partition
from runtime.memory_log import MemoryLog, MemoryLogReader, MemoryPublisher, MemoryRecordSource

LIMIT_S = 30.0


class MemoryHouse:
    def __init__(self):
        self.log = MemoryLog()
        self.topic = "a-topic"

    def publisher(self):
        return MemoryPublisher(self.log)

    def source(self, group="readers"):
        return MemoryRecordSource(self.log, topics=[self.topic], group_id=group)

    def reader(self):
        return MemoryLogReader(self.log)


class KafkaHouse:
    def __init__(self, bootstrap_servers, source_of=KafkaRecordSource):
        self.bootstrap_servers, self.source_of = bootstrap_servers, source_of
        self.topic = f"test-{uuid.uuid4().hex}"
        topic: Topic[DeadLetter] = Topic(
            name=self.topic, about="a test's", key="none", encode=DEAD_LETTERS.encode,
            decode=DEAD_LETTERS.decode, writers=(), readers=(), partitions=1,
        )  # fmt: skip
        self.two_partitions = replace(topic, name=f"{self.topic}-two", partitions=2)
        create_topics(bootstrap_servers, [topic], lambda _line: None)

    def publisher(self):
        return KafkaPublisher(self.bootstrap_servers, client_id="test")

    def source(self, group="readers"):
        return self.source_of(
            self.bootstrap_servers, topics=[self.topic], group_id=f"{group}-{self.topic}", client_id="test"
        )

    def reader(self):
        return KafkaLogReader(self.bootstrap_servers)


@pytest.fixture(
    params=[
        "twin",
        pytest.param(KafkaRecordSource, marks=pytest.mark.integration),
        pytest.param(ConfluentRecordSource, marks=pytest.mark.integration),
    ]
)
def house(request):
    if request.param == "twin":
        return MemoryHouse()
    return KafkaHouse(request.getfixturevalue("kafka").bootstrap_servers, request.param)


@pytest.fixture
def publisher(house):
    publisher = house.publisher()
    yield publisher
    publisher.close()


@pytest.fixture
def a_source(house):
    sources = []

    def make(group="readers"):
        sources.append(house.source(group))
        return sources[-1]

    yield make
    for source in sources:
        source.close()


def publish(publisher, house, *values):
    for value in values:
        publisher.publish(house.topic, value, key="71", timestamp_ms=1_767_225_600_000)
    publisher.flush()


def polled(source, count):
    """Partition, offset and value of the next `count` records."""
    ends_at_s = time.monotonic() + LIMIT_S
    records = []
    while len(records) < count and time.monotonic() < ends_at_s:
        for partition, (offsets, bodies) in source.poll(0.2, max_records=count - len(records)).items():
            records += [(partition, *record) for record in zip(offsets, bodies, strict=True)]
    return records


def values(records):
    return [value for _, _, value in records]


def lag(source):
    """What it tells of its lag, as soon as the broker answers in time: a busy one may not at once."""
    ends_at_s = time.monotonic() + LIMIT_S
    while True:
        try:
            return source.lag()
        except UnavailableError:
            if time.monotonic() > ends_at_s:
                raise


def test_what_is_flushed_is_read_as_it_was_written(house, publisher, a_source):
    publish(publisher, house, b"one")

    assert polled(a_source(), 1) == [((house.topic, 0), 0, b"one")]
    assert list(house.reader().records(house.topic)) == [
        ((house.topic, 0), (0, b"71", b"one", 1_767_225_600_000))
    ]


def test_records_come_in_order(house, publisher, a_source):
    publish(publisher, house, *[str(number).encode() for number in range(200)])

    assert values(polled(a_source(), 200)) == [str(number).encode() for number in range(200)]


def test_a_group_goes_on_where_it_committed(house, publisher, a_source):
    publish(publisher, house, b"one", b"two", b"three")
    first = a_source()
    (partition, *_), *_ = polled(first, 2)
    first.commit({partition: 2})
    first.close()

    assert values(polled(a_source(), 1)) == [b"three"]


def test_what_is_not_committed_is_read_again(house, publisher, a_source):
    publish(publisher, house, b"one", b"two")
    first = a_source()
    polled(first, 2)
    first.close()

    assert values(polled(a_source(), 2)) == [b"one", b"two"]


def test_another_group_reads_all(house, publisher, a_source):
    publish(publisher, house, b"one")
    polled(a_source(), 1)

    assert values(polled(a_source("others"), 1)) == [b"one"]


def test_nothing_is_fetched_while_paused(house, publisher, a_source):
    publish(publisher, house, b"one")
    source = a_source()
    polled(source, 1)
    source.pause()
    publish(publisher, house, b"two")

    assert [dict(source.poll(0.2, max_records=10)) for _ in range(5)] == [{}] * 5

    source.resume()

    assert values(polled(source, 1)) == [b"two"]


def test_the_lag_is_what_is_not_polled_yet(house, publisher, a_source):
    publish(publisher, house, b"one", b"two", b"three")
    source = a_source()
    polled(source, 1)

    assert lag(source) == 2
    polled(source, 2)
    assert lag(source) == 0


def test_a_reader_reads_a_topic_to_the_end_it_has(house, publisher):
    publish(publisher, house, *[str(number).encode() for number in range(2_000)])
    progress = []
    read = list(
        house.reader().records(house.topic, on_progress=lambda done, total: progress.append((done, total)))
    )

    assert [(partition, record.offset, record.value) for partition, record in read] == [
        ((house.topic, 0), number, str(number).encode()) for number in range(2_000)
    ]
    assert progress[-1] == (2_000, 2_000)


def test_a_reader_begins_where_it_is_told(house, publisher):
    for at_ms in (1_000, 3_000, 2_000, 4_000):
        publisher.publish(house.topic, str(at_ms).encode(), key=None, timestamp_ms=at_ms)
        publisher.flush()

    def read_since(since_ms):
        return [record.value for _, record in house.reader().records(house.topic, since_ms=since_ms)]

    assert read_since(2_000) == [b"3000", b"2000", b"4000"]
    assert read_since(5_000) == []


def test_a_reader_of_a_topic_without_records_has_none(house):
    assert list(house.reader().records(house.topic)) == []


def test_a_reader_finds_one_record(house, publisher):
    publish(publisher, house, b"one", b"two", b"three")

    assert house.reader().record(Partition(house.topic, 0), 1).value == b"two"


@pytest.mark.parametrize("offset", [-1, 3])
def test_a_reader_finds_no_record_where_there_is_none(house, publisher, offset):
    publish(publisher, house, b"one", b"two", b"three")

    assert house.reader().record(Partition(house.topic, 0), offset) is None


@pytest.mark.integration
def test_without_a_broker_it_is_unavailable():
    with pytest.raises(UnavailableError, match="127.0.0.1:1"):
        list(KafkaLogReader("127.0.0.1:1").records("x"))
    with pytest.raises(UnavailableError, match="127.0.0.1:1"):
        KafkaPublisher("127.0.0.1:1", client_id="test")
    with pytest.raises(UnavailableError, match="127.0.0.1:1"):
        KafkaRecordSource("127.0.0.1:1", topics=["x"], group_id="x", client_id="test")
    with pytest.raises(UnavailableError, match="127.0.0.1:1"):
        ConfluentRecordSource("127.0.0.1:1", topics=["x"], group_id="x", client_id="test")


@pytest.mark.integration
@pytest.mark.parametrize("source_of", [KafkaRecordSource, ConfluentRecordSource])
def test_only_committed_transactions_are_read_and_their_marks_are_no_lag(kafka, source_of):
    house = KafkaHouse(kafka.bootstrap_servers, source_of)
    write_transactions(kafka, house.topic)
    source = house.source()
    try:
        assert values(polled(source, 1)) == [b"kept"]
        assert all(not source.poll(0.2, max_records=10) for _ in range(3))
        assert lag(source) == 0
    finally:
        source.close()


@pytest.mark.integration
def test_the_end_of_a_partition_is_known_where_it_comes_with_its_last_record(kafka):
    house = KafkaHouse(kafka.bootstrap_servers, ConfluentRecordSource)
    write_transactions(kafka, house.topic)
    source = house.source()
    try:
        # One long poll: the record, the mark behind it and the end are one answer.
        deadline = time.monotonic() + 60
        while not (found := source.poll(5.0, max_records=10)):
            assert time.monotonic() < deadline, "no record came"
        assert [list(records.values) for records in found.values()] == [[b"kept"]]
        assert lag(source) == 0
    finally:
        source.close()


@pytest.mark.integration
@pytest.mark.parametrize("source_of", [KafkaRecordSource, ConfluentRecordSource])
def test_what_an_open_transaction_wrote_is_no_lag_until_it_is_committed(kafka, source_of):
    house = KafkaHouse(kafka.bootstrap_servers, source_of)
    write_transactions(kafka, house.topic)
    producer = kafka_python.KafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers, transactional_id=f"open-{house.topic}"
    )
    source = house.source()
    try:
        assert values(polled(source, 1)) == [b"kept"]
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(house.topic, value=b"open").get(LIMIT_S)
        assert all(not source.poll(0.2, max_records=10) for _ in range(5))
        assert lag(source) == 0
        producer.commit_transaction()
        assert values(polled(source, 1)) == [b"open"]
    finally:
        producer.close()
        source.close()


def write_transactions(kafka, topic):
    """One that is aborted, then one that is committed."""
    producer = kafka_python.KafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers, transactional_id=topic, compression_type="lz4"
    )
    producer.init_transactions()
    for value, end in ((b"aborted", producer.abort_transaction), (b"kept", producer.commit_transaction)):
        producer.begin_transaction()
        producer.send(topic, value=value)
        producer.flush()
        end()
    producer.close()


@pytest.mark.integration
def test_members_of_a_group_share_the_partitions_and_lose_no_record(kafka):
    house = KafkaHouse(kafka.bootstrap_servers, ConfluentRecordSource)
    create_topics(kafka.bootstrap_servers, [house.two_partitions], lambda _line: None)
    publisher = house.publisher()
    house.topic = house.two_partitions.name
    first, second = house.source(), None
    try:
        wait_for(lambda: first.poll(0.1, max_records=1) == {} and len(first.assigned()) == 2)
        second = house.source()
        wait_for(
            lambda: (
                first.poll(0.1, max_records=1) == second.poll(0.1, max_records=1) == {}
                and len(first.assigned()) == len(second.assigned()) == 1
            )
        )
        for number in range(50):
            publisher.publish(house.topic, str(number).encode(), key=str(number), timestamp_ms=1)
        publisher.flush()
        seen = []
        wait_for(
            lambda: seen.extend(polled_now(first)) or seen.extend(polled_now(second)) or len(set(seen)) == 50
        )
        assert len(seen) == 50
    finally:
        publisher.close()
        first.close()
        if second is not None:
            second.close()


@pytest.mark.integration
def test_a_partition_that_was_taken_while_paused_is_read_when_it_is_back(kafka):
    house = KafkaHouse(kafka.bootstrap_servers, ConfluentRecordSource)
    create_topics(kafka.bootstrap_servers, [house.two_partitions], lambda _line: None)
    publisher = house.publisher()
    house.topic = house.two_partitions.name
    first = house.source()
    try:
        wait_for(lambda: first.poll(0.1, max_records=1) == {} and len(first.assigned()) == 2)
        first.pause()
        second = house.source()
        wait_for(
            lambda: (
                first.poll(0.1, max_records=1) == second.poll(0.1, max_records=1) == {}
                and len(first.assigned()) == 1
            )
        )
        first.resume()
        second.close()
        wait_for(lambda: first.poll(0.1, max_records=1) == {} and len(first.assigned()) == 2)
        for number in range(50):
            publisher.publish(house.topic, str(number).encode(), key=str(number), timestamp_ms=1)
        publisher.flush()
        seen = []
        wait_for(lambda: seen.extend(polled_now(first)) or len(seen) == 50)
    finally:
        publisher.close()
        first.close()


def polled_now(source):
    return [value for records in source.poll(0.1, max_records=100).values() for value in records.values]


def wait_for(holds):
    ends_at_s = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < ends_at_s, "it never came true"

"""Many readings on a broker of our own: through kills of everything, and between poisoned messages."""

import json
import os
import random
import time
import urllib.request
from collections import Counter
from contextlib import closing
from functools import partial

import kafka as kafka_python
import pytest
from kafka.structs import TopicPartition

from contracts.dead_letters import Reason
from contracts.measures import MEASURES
from contracts.topics import AGGREGATE_TOPICS, DEAD_LETTERS, MEASURE_TOPICS, READINGS_RAW, THROUGHPUT_10S
from local_stack.single import running_kafka
from tests.flink_jobs.bounded import a_reading, line
from tests.flink_jobs.split_process import JobProcess, create_topics, wait_until
from tests.flink_jobs.test_split import NO_JSON, NO_NUMBERS, NO_OBJECTS, NO_READINGS, NO_UTF8

pytestmark = [pytest.mark.flink, pytest.mark.integration]

# The whole claim, some five minutes: KILLED_READINGS=200000.
KILLED_READINGS = int(os.environ.get("KILLED_READINGS", "50000"))
GOOD, BAD = 100_000, 10_000
FLINK_KILLS, BROKER_KILLED_BEFORE = 5, (1, 3)
BEGIN_S, STEP_S = 1_557_619_200, 150
LATER_S = BEGIN_S + 10 * 86_400
UPSTREAM = [(upstream, measure) for measure in MEASURES for upstream in measure.upstream]
SENSORS = 30 * len(UPSTREAM)
LIMIT_S = 300.0
CHECKPOINT_S = 4
COMMITS_QUIET_S = 1.0  # a commit takes less, and the next comes with the next checkpoint


@pytest.fixture
def broker(tmp_path):
    folder = tmp_path / "kafka"
    folder.mkdir()
    with running_kafka(folder) as server:
        create_topics(server.bootstrap_servers)
        yield server


@pytest.fixture
def job_process(broker, connector_jars_dir, flink_cache_dir, tmp_path):
    """A function from a job and settings beside the usual to its process, not started."""
    started = []

    def process(job, **environment):
        started.append(JobProcess(
            broker.bootstrap_servers, state_dir=tmp_path / "state", connector_jars_dir=connector_jars_dir,
            cache_dir=flink_cache_dir, prefix=f"test-{time.time_ns()}", job=job,
            checkpoint_interval_s=CHECKPOINT_S, environment=environment,
        ))  # fmt: skip
        return started[-1]

    yield process
    for each in started:
        each.close()


class Producer:
    """Writes to the raw log."""

    def __init__(self, broker):
        self._producer = kafka_python.KafkaProducer(
            bootstrap_servers=broker.bootstrap_servers, compression_type="lz4", linger_ms=20,
            batch_size=256 * 1024,
        )  # fmt: skip

    def send(self, body, *, sensor_id=0, at_s=BEGIN_S, partition=None):
        return self._producer.send(
            READINGS_RAW.name, body, key=b"%d" % sensor_id, timestamp_ms=at_s * 1000, partition=partition
        )

    def close(self):
        self._producer.close()


class Committed:
    """What a reader of committed messages has seen of some topics."""

    def __init__(self, broker, topics):
        self._topics = {topic.name: topic for topic in topics}
        self._consumer = kafka_python.KafkaConsumer(
            bootstrap_servers=broker.bootstrap_servers, isolation_level="read_committed"
        )
        parts = [TopicPartition(topic.name, n) for topic in topics for n in range(topic.partitions)]
        self._consumer.assign(parts)
        self._consumer.seek_to_beginning(*parts)
        self.counts = Counter()  # (topic, what the message is)

    def read(self, identity):
        """Read on; how many there are in all."""
        while polled := self._consumer.poll(timeout_ms=300, max_records=20_000):
            for record in (record for records in polled.values() for record in records):
                message = self._topics[record.topic].decode(record.value)
                self.counts[record.topic, identity(message)] += 1
        return self.counts.total()

    def close(self):
        self._consumer.close()


def write_sensors(broker, readings):
    """Readings of sensors of every upstream name in the order of their times; what must come of them."""
    producer, expected = Producer(broker), Counter()
    for n in range(readings):
        step, sensor_id = divmod(n, SENSORS)
        at_s = BEGIN_S + step * STEP_S + sensor_id % STEP_S
        upstream, measure = UPSTREAM[sensor_id % len(UPSTREAM)]
        number = (measure.low + (n % 40) / 4) / measure.scale
        producer.send(a_message(sensor_id, repr(number), upstream, at_s), sensor_id=sensor_id, at_s=at_s)
        expected[MEASURE_TOPICS[measure.name].name, (sensor_id, at_s)] += 1
        for size, size_s in (("5m", 300), ("1h", 3600), ("1d", 86_400)):
            window = (sensor_id, at_s // size_s * size_s)
            expected[AGGREGATE_TOPICS[size].name, window] = 1
        expected[THROUGHPUT_10S.name, at_s // 10 * 10] = 1
    producer.close()
    return expected


def move_time(broker):
    """A later reading in every partition, so that every window closes.

    A job that is restored knows no watermark until it reads again.
    """
    producer = Producer(broker)
    for partition in range(READINGS_RAW.partitions):
        producer.send(a_message(-1, "1", "P1", LATER_S), at_s=LATER_S, partition=partition)
    producer.close()


_ids = iter(range(10**10, 10**11))


def a_message(sensor_id, value, value_type, at_s):
    # A sensor id of -1 is of nobody: such a reading only moves the time.
    sensor = {"id": SENSORS if sensor_id < 0 else sensor_id, "sensor_type": {"name": "T"}}
    return json.dumps({
        "id": next(_ids), "sensor": sensor, "place": {"country": "GB", "city": "Aberdeen"},
        "location": {"latitude": "57.1", "longitude": "-2.1", "indoor": 0},
        "sensordatavalues": [{"value": value, "value_type": value_type}],
        "fetched_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s)),
    }).encode()  # fmt: skip


class Commits:
    """Whether transactions are being ended; those of a checkpoint are, right after it."""

    def __init__(self, broker):
        self._admin = kafka_python.KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
        self._quiet_since_s = time.monotonic()

    def are_over(self):
        """Whether none was under way for a second."""
        listed = self._admin.list_transactions(state_filters=["PrepareCommit", "PrepareAbort"])
        if any(listed.values()):
            self._quiet_since_s = time.monotonic()
        return time.monotonic() - self._quiet_since_s > COMMITS_QUIET_S

    def close(self):
        self._admin.close()


def sensor_and_time(message):
    if hasattr(message, "readings"):
        return message.starts_at_s
    at_s = getattr(message, "observed_at_s", None)
    return message.sensor_id, message.starts_at_s if at_s is None else at_s


def test_five_kills_of_flink_and_two_of_the_broker_lose_and_double_nothing(broker, job_process):
    expected = write_sensors(broker, KILLED_READINGS)
    process = job_process("all")
    for number in range(FLINK_KILLS):
        before = process.newest_snapshot()
        process.start()
        wait_until(
            lambda before=before: process.newest_snapshot() != before,
            limit_s=LIMIT_S, what="a checkpoint",
        )  # fmt: skip
        if number in BROKER_KILLED_BEFORE:
            # Killed within one it may write the end of a part of it (docs/decisions/0012).
            with closing(Commits(broker)) as commits:
                wait_until(commits.are_over, limit_s=LIMIT_S, what="the commits' end")
            broker.server.kill()
            broker.server.start()
        process.kill_group()
    process.start()
    move_time(broker)
    log = Committed(broker, [*MEASURE_TOPICS.values(), *AGGREGATE_TOPICS.values(), THROUGHPUT_10S])
    try:
        # The four readings that move the time come beside them, on their own way.
        wait_until(
            lambda: log.read(sensor_and_time) >= expected.total() + READINGS_RAW.partitions,
            limit_s=LIMIT_S, what="every value and window",
        )  # fmt: skip
    except AssertionError as error:
        missing = expected - log.counts
        by_topic = Counter(
            {topic: sum(n for (of, _), n in missing.items() if of == topic) for topic, _ in missing}
        )
        raise AssertionError(f"{error}; missing by topic: {dict(by_topic)}") from error
    assert process.terminate()[0] == 0

    log.read(sensor_and_time)
    log.close()
    later = Counter({key: n for key, n in log.counts.items() if key[1] == (SENSORS, LATER_S)})
    assert later.total() == READINGS_RAW.partitions
    assert log.counts - later == expected
    assert all(event["restored_from"] for event in process.events("job_submitted")[1:])


def poisoned():
    """Messages that are no good, and the reasons of the letters that each must give."""
    chance = random.Random(17)  # noqa: S311 - the same each run
    kinds = [
        *((body, [Reason.NOT_JSON]) for body in NO_JSON if body),
        *((body, [Reason.NOT_A_READING]) for body in (*NO_OBJECTS, NO_UTF8)),
        *((line(a_reading(("1", "P1"), **wrong)), [Reason.NOT_A_READING]) for wrong in NO_READINGS),
    ]
    for n in range(BAD):
        kind = n % 4
        if kind == 0:
            yield b"\xff" + chance.randbytes(chance.randrange(1, 200)), [Reason.NOT_JSON]
        elif kind == 1:
            yield kinds[n % len(kinds)]
        elif kind == 2:
            evil = [NO_NUMBERS[(n + i) % len(NO_NUMBERS)] for i in range(1 + n % 3)]
            reading = a_reading(*((value, "P1") for value in evil), sensor={"id": SENSORS + 1})
            yield line(reading), [Reason.NOT_A_NUMBER] * len(evil)
        else:
            yield line(a_reading(("1", "smell"), sensor={"id": SENSORS + 1})), [Reason.UNKNOWN_MEASURE]


def restarts(metrics_port):
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.startswith("flink_jobmanager_job_numRestarts{")]
    return [float(line.rsplit(" ", 1)[1]) for line in found]


def test_ten_thousand_poisoned_messages_are_letters_and_cost_nobody_else_anything(broker, job_process):
    producer, sent = Producer(broker), []
    bad = poisoned()
    for n in range(GOOD):
        producer.send(a_message(n % SENSORS, f"{n % 900}.5", "P2", BEGIN_S + n), sensor_id=n % SENSORS,
                      at_s=BEGIN_S + n)  # fmt: skip
        if n % (GOOD // BAD) == 0:
            body, reasons = next(bad)
            sent.append((producer.send(body, sensor_id=n), body, reasons))
    producer.close()
    places = [(future.get(timeout=10), body, reasons) for future, body, reasons in sent]
    expected = Counter(
        (DEAD_LETTERS.name, (made.partition, made.offset, reason.value))
        for made, _, reasons in places for reason in reasons
    )  # fmt: skip

    # Two copies of each step give what one does.
    process = job_process("split", FLINK_JOBS_PARALLELISM="2", FLINK_JOBS_STATE_BACKEND="rocksdb")
    process.start()
    values, letters = Committed(broker, [MEASURE_TOPICS["pm25"]]), Committed(broker, [DEAD_LETTERS])
    originals = {}

    def place_and_reason(letter):
        originals[letter.source_partition, letter.source_offset] = letter.original
        return letter.source_partition, letter.source_offset, letter.reason

    for log, identity, count in (
        (values, sensor_and_time, GOOD),
        (letters, place_and_reason, expected.total()),
    ):
        wait_until(
            partial(lambda log, identity, count: log.read(identity) >= count, log, identity, count),
            limit_s=LIMIT_S, what=f"{count} messages",
        )  # fmt: skip
    assert restarts(process.metrics_port) == [0.0]
    assert process.terminate()[0] == 0

    values.read(sensor_and_time)
    letters.read(place_and_reason)
    assert set(values.counts.values()) == {1}
    assert len(values.counts) == GOOD
    assert letters.counts == expected
    whole = {Reason.NOT_JSON, Reason.NOT_A_READING}
    for made, body, reasons in places:
        if reasons[0] in whole:
            assert originals[made.partition, made.offset] == body
    values.close()
    letters.close()

"""Watermarks on a real broker: one run over bursts, silences, wrong clocks and an archive, a claim a test."""

import time
from collections import Counter
from contextlib import closing

import kafka as kafka_python
import pytest
from kafka.structs import TopicPartition

from contracts.flags import Flag
from contracts.topics import (
    AGGREGATE_TOPICS,
    MEASURE_TOPICS,
    READINGS_ARCHIVE,
    READINGS_LATE,
    READINGS_RAW,
    THROUGHPUT_10S,
    TOPICS,
)
from flink_jobs.class_path import plans_dir
from flink_jobs.connectors import KafkaConnectors
from flink_jobs.job import Job, job_text
from flink_jobs.planning import submit
from local_stack.provisioning import create_topics
from tests.flink_jobs.network_script import (
    AHEAD,
    ARCHIVED,
    COUNTRY,
    EMPTY,
    FIRST,
    IN_TIME,
    LATE,
    MINUTE_S,
    NOON_S,
    POLL_S,
    SECOND,
    SLIGHTLY_AHEAD,
    STEADY,
    STEP_S,
    YEARS_AHEAD,
    Message,
    archived,
    burst,
)
from tests.flink_jobs.split_process import wait_until

pytestmark = [pytest.mark.flink, pytest.mark.integration]

VERSION = 8
LIMIT_S = 120.0
IDLE_AFTER_S = 1
DELAY_S = 15 * MINUTE_S
ASKED_FOR = 2  # copies of each step: this job has one all the same

# Polls, by their minute: those before, live ones, the first after an hour of silence, more.
BEFORE, LIVE, RETURN, REST = range(0, 25, 5), range(22, 34, 2), 92, range(97, 117, 5)
STOPPED_S, RETURNED_S = NOON_S + LIVE[-1] * MINUTE_S, NOON_S + RETURN * MINUTE_S

FIVE_MIN, VALUES = AGGREGATE_TOPICS["5m"], MEASURE_TOPICS["temperature"]
WRITTEN = [FIVE_MIN, VALUES, THROUGHPUT_10S, READINGS_LATE]


class Run:
    """The job, what it was given, and what it gave."""

    def __init__(self, bootstrap_servers):
        self._producer = kafka_python.KafkaProducer(bootstrap_servers=bootstrap_servers)
        self._consumer = kafka_python.KafkaConsumer(
            bootstrap_servers=bootstrap_servers, isolation_level="read_committed"
        )
        self._topics = {topic.of_version(VERSION).name: topic for topic in WRITTEN}
        parts = [
            TopicPartition(name, n) for name, topic in self._topics.items() for n in range(topic.partitions)
        ]
        self._consumer.assign(parts)
        self._consumer.seek_to_beginning(*parts)
        self._messages = {topic.name: [] for topic in WRITTEN}
        self.sent = set()
        self.closed_by_poll = {}  # end of the last window that its first part closed, and the watermark

    def write(self, messages, topic=READINGS_RAW):
        for each in (written := list(messages)):
            self._producer.send(
                topic.of_version(VERSION).name, each.body, key=b"%d" % each.sensor_id,
                timestamp_ms=each.at_s * 1000, partition=each.partition,
            )  # fmt: skip
        self._producer.flush()
        self.sent.update(written)

    def of(self, topic):
        """The messages of a topic until now."""
        for record in (each for records in self._consumer.poll(timeout_ms=100).values() for each in records):
            written = self._topics[record.topic]
            self._messages[written.name].append(written.decode(record.value))
        return self._messages[topic.name]

    def watermark_s(self):
        """What the readings so far, but those of a wrong clock, make the watermark."""
        return max(each.at_s for each in self.sent if is_believed(each)) - DELAY_S

    def wait_for_values(self):
        """Wait until every live reading is a value; then it has also been found in time, or late."""
        sent = {(each.sensor_id, each.at_s) for each in self.sent if each.sensor_id != ARCHIVED}
        wait_until(
            lambda: sent <= {(each.sensor_id, each.observed_at_s) for each in self.of(VALUES)},
            limit_s=LIMIT_S, what="the values",
        )  # fmt: skip

    def wait_for_windows(self, country):
        """Wait until every window of ten seconds that is due is there; the end of the last of them."""
        counted = {reading for reading in self.sent if is_in_windows(reading)}
        ends = {each.at_s // 10 * 10 + 10 for each in counted if COUNTRY[each.partition] == country}
        due = {end for end in ends if end <= self.watermark_s()}

        def closed():
            return {each.starts_at_s + 10 for each in self.of(THROUGHPUT_10S) if each.country == country}

        wait_until(lambda: due <= closed(), limit_s=LIMIT_S, what=f"the windows of {country}")
        return max(closed(), default=None), self.watermark_s()

    def close(self):
        self._producer.close()
        self._consumer.close()


def is_believed(message):
    return message.at_s <= message.fetched_s + 5 * MINUTE_S and message.sensor_id != ARCHIVED


def is_in_windows(message):
    return is_believed(message) and message.sensor_id != LATE


def play(run):
    """Poll after poll; of a live one the second part comes when the first has closed windows.

    Never more than a poll at once: between two all partitions are idle, and the one that is read first moves
    the watermark alone. A poll is five minutes, for which the delay is enough; what waits for longer is not.
    """
    for minute in BEFORE:
        play_whole(run, minute)
    run.wait_for_windows("FR")
    for minute in (*LIVE, RETURN):
        parts = burst(minute)
        run.write(archived(minute), READINGS_ARCHIVE)
        run.write(parts.pop(FIRST))
        run.closed_by_poll[minute] = run.wait_for_windows("GB")
        run.write(message for part in parts.values() for message in part)
        if minute == LIVE[-1]:
            run.write([
                Message(SECOND, IN_TIME, run.watermark_s() + MINUTE_S, fetched_s=STOPPED_S),
                Message(SECOND, LATE, run.watermark_s() - MINUTE_S, fetched_s=STOPPED_S),
            ])  # fmt: skip
        run.wait_for_values()
    for minute in REST:
        play_whole(run, minute)
    run.wait_for_windows("FR")
    due = due_windows(run)
    wait_until(lambda: len(run.of(FIVE_MIN)) >= len(due), limit_s=LIMIT_S, what="the windows of five minutes")


def play_whole(run, minute):
    run.write(message for part in burst(minute).values() for message in part)
    run.wait_for_values()


@pytest.fixture(scope="module")
def run(flink, jars_and_archive, kafka):
    topics = [topic.of_version(VERSION) for topic in TOPICS]
    create_topics(kafka.bootstrap_servers, topics, print)
    connectors = KafkaConnectors(
        kafka.bootstrap_servers, f"watermarks-{time.time_ns()}",
        topics=(READINGS_RAW.of_version(VERSION).name,),
        history_topics=(READINGS_ARCHIVE.of_version(VERSION).name,),
        exactly_once=False, version=VERSION, idle_after_s=IDLE_AFTER_S,
    )  # fmt: skip
    # What is set aside has no part in this, and planning it takes long.
    text = job_text(connectors, job=Job.ALL, guard=False, letters=False)
    te = flink()
    te.get_config().set("parallelism.default", str(ASKED_FOR))
    plans = plans_dir(jars_and_archive[1])
    job = submit(te, text, plans_dir=plans, copies=Job.ALL.copies).get_job_client()
    with closing(Run(kafka.bootstrap_servers)) as run:
        play(run)
        yield run
    job.cancel().result()


def test_every_reading_of_overlapping_bursts_is_in_its_window_once(run):
    assert windows_of(run, {*STEADY[FIRST], *STEADY[SECOND]}) == due_of(
        {*STEADY[FIRST], *STEADY[SECOND]}, run
    )


def test_no_reading_of_the_bursts_is_late(run):
    assert {each.sensor_id for each in run.of(READINGS_LATE)} == {LATE}


def test_a_partition_that_never_had_a_reading_and_those_that_are_silent_hold_no_window_up(run):
    assert not [each for each in run.sent if each.partition == EMPTY]
    for minute in LIVE:
        closed_s, watermark_s = run.closed_by_poll[minute]
        assert watermark_s - STEP_S < closed_s <= watermark_s


def test_windows_of_before_an_hour_of_silence_close_whole_with_the_first_reading_after_it(run):
    closed_s, _ = run.closed_by_poll[RETURN]
    last_s = max(each.at_s for each in run.sent if each.partition == FIRST and is_before_the_silence(each))
    starts_s = {each.starts_at_s for each in run.of(FIVE_MIN)}

    assert closed_s == last_s // 10 * 10 + 10
    assert not starts_s & set(range(last_s // 300 * 300 + 300, (RETURNED_S - POLL_S) // 300 * 300, 300))
    assert (RETURNED_S - POLL_S) // 300 * 300 in starts_s


def test_a_sensor_that_is_minutes_ahead_is_believed_and_counted(run):
    assert windows_of(run, {SLIGHTLY_AHEAD}) == due_of({SLIGHTLY_AHEAD}, run)
    assert flags_of(run, SLIGHTLY_AHEAD) == {0}


@pytest.mark.parametrize("sensor_id", [AHEAD, YEARS_AHEAD])
def test_a_clock_in_the_future_is_flagged_counted_nowhere_and_makes_nobody_late(run, sensor_id):
    assert flags_of(run, sensor_id) == {Flag.FROM_FUTURE}
    assert windows_of(run, {sensor_id}) == {}


def test_a_reading_is_in_its_window_until_fifteen_minutes_behind_and_then_told_by_how_late(run):
    (late,) = run.of(READINGS_LATE)

    assert sum(windows_of(run, {IN_TIME}).values()) == 1
    assert late.late_s == MINUTE_S
    assert windows_of(run, {LATE}) == {}


def test_an_archive_beside_the_live_readings_gives_values_and_closes_and_opens_no_window(run):
    archived_s = {each.at_s for each in run.sent if each.sensor_id == ARCHIVED}

    assert {each.observed_at_s for each in run.of(VALUES) if each.sensor_id == ARCHIVED} == archived_s
    assert windows_of(run, {ARCHIVED}) == {}


def is_before_the_silence(message):
    return is_in_windows(message) and message.fetched_s <= STOPPED_S


def due_windows(run):
    """How many readings each sensor has in each window of five minutes that the watermark has passed."""
    readings = {(each.sensor_id, each.at_s) for each in run.sent if is_in_windows(each)}
    windows = Counter((sensor_id, at_s // 300 * 300) for sensor_id, at_s in readings)
    return {window: n for window, n in windows.items() if window[1] + 300 <= run.watermark_s()}


def due_of(sensor_ids, run):
    return {window: n for window, n in due_windows(run).items() if window[0] in sensor_ids}


def windows_of(run, sensor_ids):
    found = [each for each in run.of(FIVE_MIN) if each.sensor_id in sensor_ids]
    assert len({(each.sensor_id, each.starts_at_s) for each in found}) == len(found)
    return {(each.sensor_id, each.starts_at_s): each.count for each in found}


def flags_of(run, sensor_id):
    return {each.flags for each in run.of(VALUES) if each.sensor_id == sensor_id}

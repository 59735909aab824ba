"""Window by window, what each stage has; and where it does not close."""

import json
import time
from contextlib import closing
from dataclasses import replace

import pytest
from kafka import KafkaConsumer
from kafka.structs import TopicPartition
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from contracts.dead_letters import Reason, dead_letter
from contracts.errors import BadInputError, UnavailableError
from contracts.measure_values import MeasureValue
from contracts.readings import RawReading
from contracts.topics import DEAD_LETTERS, MEASURE_TOPICS, READINGS_LATE, READINGS_RAW, TOPICS
from local_stack.provisioning import create_topics
from local_stack.single import running_kafka
from luftstrom import commands, reconciliation_metrics
from luftstrom.__main__ import app
from luftstrom.ledger import Ledger, is_set_aside
from luftstrom.letters import read_letters
from luftstrom.windows import (
    Span,
    Window,
    letters_by_window,
    published_by_window,
    replaced_values,
    span_of,
    split_by_window,
    windows_close,
)
from runtime.group_offsets import put_back
from runtime.influx_reader import InfluxReader
from runtime.kafka_publisher import KafkaPublisher
from runtime.log_interfaces import Partition
from runtime.memory_log import MemoryLog, MemoryLogReader
from tests.luftstrom.stored_air import a_sensor_id, write

HOUR_S = 3600
SPAN = Span(HOUR_S, 3 * HOUR_S, HOUR_S)
PM10 = MEASURE_TOPICS["pm10"]

WHOLE = Window(
    starts_at_s=0, fetched=11, published=10, values=20, split=18, dead_at_split=2, written=18,
    dead_at_collector=1, stored=17, late=3,
)  # fmt: skip


def test_a_window_closes_where_every_value_is_accounted_for():
    assert WHOLE.closes
    assert WHOLE.dead == 3


@pytest.mark.parametrize(
    ("changed", "gaps"),
    [
        ({"split": 17, "written": 17, "stored": 16}, {"published to split": 1}),
        ({"written": 17, "stored": 16}, {"split to written": 1}),
        ({"stored": 15}, {"written to stored": 2}),
        ({"stored": 18}, {"written to stored": -1}),
    ],
)
def test_a_gap_is_named_by_its_stages(changed, gaps):
    window = replace(WHOLE, **changed)

    assert window.gaps == gaps
    assert not windows_close([WHOLE, window])
    assert windows_close([WHOLE, replace(window, is_settled=False)])


def test_a_span_is_of_whole_windows():
    assert span_of(window_s=HOUR_S, since_s=3700, until_s=7201) == Span(3600, 10_800, HOUR_S)
    assert list(SPAN.starts) == [3600, 7200]
    assert [SPAN.window_of(moment) for moment in (3599, 3600, 7199.9, 10_799, 10_800)] == [
        None, 3600, 3600, 7200, None,
    ]  # fmt: skip


def a_raw_reading(number, types, *, sensor_id=1):
    record = {
        "id": number,
        "sensor": {"id": sensor_id},
        "sensordatavalues": [{"value": "1.5", "value_type": each} for each in types],
    }
    return READINGS_RAW.encode(RawReading(json.dumps(record).encode(), None, "2026-01-01T00:00:00Z"))


@pytest.fixture
def log():
    return MemoryLog()


def test_published_readings_count_once_and_without_housekeeping(log):
    for number, at_s in ((1, 3600), (1, 3600), (2, 7200), (3, 99)):
        body = a_raw_reading(number, ("P1", "P2", "signal"))
        log.append(READINGS_RAW.name, body, key=b"1", timestamp_ms=at_s * 1000)
    log.append(READINGS_RAW.name, b"no reading", key=b"1", timestamp_ms=3_600_000)

    readings, values = published_by_window(MemoryLogReader(log).records(READINGS_RAW.name), SPAN)

    assert dict(readings) == {3600: 1, 7200: 1}
    assert dict(values) == {3600: 2, 7200: 2}


def test_two_readings_of_a_sensor_in_one_second_count_as_the_store_has_them(log):
    for number, sensor_id in ((1, 1), (2, 1), (3, 2)):
        body = a_raw_reading(number, ("P1", "P2"))
        log.append(READINGS_RAW.name, body, key=b"%d" % sensor_id, timestamp_ms=3_600_000)

    readings, values = published_by_window(MemoryLogReader(log).records(READINGS_RAW.name), SPAN)

    assert dict(readings) == {3600: 2}
    assert dict(values) == {3600: 4}


def test_values_of_a_second_reading_in_a_second_are_replaced_and_repeats_are_not(log):
    raw = ((1, 1, ("P1", "P2")), (2, 1, ("P1", "signal")), (3, 2, ("P1",)), (3, 2, ("P1",)))
    for number, sensor_id, types in raw:
        body = a_raw_reading(number, types)
        log.append(READINGS_RAW.name, body, key=b"%d" % sensor_id, timestamp_ms=3_600_000)

    assert replaced_values(MemoryLogReader(log).records(READINGS_RAW.name)) == 1


def test_without_readings_none_is_replaced(log):
    assert replaced_values(MemoryLogReader(log).records(READINGS_RAW.name)) == 0


def test_a_replayed_value_counts_once_and_is_written_where_the_group_is_behind_it(log):
    for sensor_id, at_s in ((1, 3600), (2, 3600), (1, 3600), (1, 7200)):
        log.append(PM10.name, b"{}", key=b"%d" % sensor_id, timestamp_ms=at_s * 1000)
    records = MemoryLogReader(log).records(PM10.name)

    split, written = split_by_window(records, SPAN, {Partition(PM10.name, 0): 2})

    assert dict(split) == {3600: 2, 7200: 1}
    assert dict(written) == {3600: 2}


def test_letters_belong_to_the_window_of_their_reading(log):
    value = PM10.encode(MeasureValue(sensor_id=1, observed_at_s=3600, value=1.0))
    for letter, at_s in (
        (dead_letter(Reason.NOT_JSON, b"x"), 3600),
        (dead_letter(Reason.NOT_A_NUMBER, b"x", source=(READINGS_RAW.name, 0, 1)), 7200),
        (dead_letter(Reason.OUTSIDE_RETENTION, value, source=(PM10.name, 0, 1)), 9_999_999),
        (dead_letter(Reason.NOT_A_READING, b"x", source=(READINGS_RAW.name, 0, 2)), 7200),
    ):
        log.append(DEAD_LETTERS.name, DEAD_LETTERS.encode(letter), key=None, timestamp_ms=at_s * 1000)
    letters = read_letters(MemoryLogReader(log))

    counts = letters_by_window(letters, SPAN, lambda each: is_set_aside(each.content))

    assert counts == {"refused": {3600: 1}, "at_split": {7200: 1}, "at_collector": {3600: 1}}


@pytest.fixture
def kafka(tmp_path):
    """A broker of our own: an open transaction of another test would end what is committed."""
    with running_kafka(tmp_path) as server:
        yield server


@pytest.mark.integration
def test_kafka_and_influxdb_themselves_tell_what_each_stage_has(kafka, influx):
    create_topics(kafka.bootstrap_servers, TOPICS, lambda _line: None)
    # An hour of the past in which nobody else has anything.
    now_s = int(time.time())
    span = Span(at := now_s // HOUR_S * HOUR_S - 401 * HOUR_S, at + 2 * HOUR_S, HOUR_S)
    numbers = [a_sensor_id() for _ in range(3)]
    values = [MeasureValue(sensor_id=each, observed_at_s=at, value=1.0) for each in numbers[:2]]
    with closing(KafkaPublisher(kafka.bootstrap_servers, client_id="test")) as publisher:
        for each in numbers:
            body = a_raw_reading(each, ("P1", "samples"), sensor_id=each)
            publisher.publish(READINGS_RAW.name, body, key=str(each), timestamp_ms=at * 1000)
        for value in values:
            publisher.publish(PM10.name, PM10.encode(value), key=str(value.sensor_id), timestamp_ms=at * 1000)
        letter = dead_letter(Reason.NOT_A_NUMBER, b"x", source=(READINGS_RAW.name, 0, numbers[2]))
        publisher.publish(DEAD_LETTERS.name, DEAD_LETTERS.encode(letter), key=None, timestamp_ms=at * 1000)
        publisher.publish(READINGS_LATE.name, b"{}", key="1", timestamp_ms=at * 1000)
        publisher.flush()
    group = f"collector-{numbers[0]}"
    reader = InfluxReader(url=influx.url, token=influx.read_token)
    ledger = Ledger(kafka.bootstrap_servers, None, reader, collector_group=group)

    write(influx, PM10, values[:1])
    first = ledger.windows(span, now_s=now_s)[0]
    assert first.gaps == {"split to written": 2, "written to stored": -1}

    put_back(kafka.bootstrap_servers, group, ends_of(kafka, PM10.name))
    write(influx, PM10, values)
    closed, empty = ledger.windows(span, now_s=now_s)
    assert closed == Window(
        starts_at_s=at, fetched=3, published=3, values=3, split=2, dead_at_split=1, written=2,
        dead_at_collector=0, stored=2, late=1,
    )  # fmt: skip
    assert closed.closes
    assert empty.closes
    assert empty.published == 0


def ends_of(kafka, topic):
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap_servers)
    partitions = [Partition(topic, number) for number in consumer.partitions_for_topic(topic)]

    ends = consumer.end_offsets([TopicPartition(*each) for each in partitions])
    consumer.close()
    return {each: ends[TopicPartition(*each)] for each in partitions}


def test_the_figures_are_written_for_prometheus(tmp_path):
    path = tmp_path / "reconciliation.prom"
    windows = [WHOLE, replace(WHOLE, stored=1), replace(WHOLE, split=0, is_settled=False)]
    reconciliation_metrics.write(reconciliation_metrics.of_windows(windows), str(path))

    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
    }
    assert samples["reconciliation_closes",] == 0
    assert samples["reconciliation_open_windows",] == 1
    assert samples["reconciliation_window_records", "stored"] == 18
    assert samples["reconciliation_timestamp_seconds",] > 0


@pytest.mark.parametrize(
    ("to", "error"), [("figures.txt", BadInputError), ("http://127.0.0.1:1", UnavailableError)]
)
def test_figures_that_cannot_be_written_are_an_error(to, error):
    with pytest.raises(error):
        reconciliation_metrics.write(reconciliation_metrics.of_windows([]), to)


@pytest.mark.parametrize(("stored", "exit_code"), [(17, 0), (16, 1)])
def test_the_command_tells_programs_by_its_exit_code(monkeypatch, stored, exit_code):
    window, spans = replace(WHOLE, stored=stored), []

    def windows_now(span, *, is_quiet):
        spans.append(span)
        return [window]

    monkeypatch.setattr(commands, "windows_now", windows_now)
    as_json = CliRunner().invoke(app, ["reconcile", "--window", "1h", "--json"])
    shown = CliRunner().invoke(app, ["reconcile", "--window", "1h", "--since", "2h"])

    assert (as_json.exit_code, shown.exit_code) == (exit_code, exit_code)
    assert json.loads(as_json.output)["closes"] is (exit_code == 0)
    assert ("1 values missing from written to stored" in shown.output) is (exit_code == 1)
    assert [len(span.starts) for span in spans] in ([25, 3], [24, 2])


def test_a_time_without_a_window_is_refused():
    assert CliRunner().invoke(app, ["reconcile", "--since", "2h"]).exit_code == 2

"""The text of the job, without Flink."""

import re

import pytest

from contracts.measures import HOUSEKEEPING, MEASURES
from contracts.topics import MEASURE_TOPICS
from flink_jobs import sql
from flink_jobs.connectors import FolderConnectors, KafkaConnectors

KAFKA = KafkaConnectors("broker:9092", "split-v1")
UPSTREAM = [(upstream, measure) for measure in MEASURES for upstream in measure.upstream]


def statement(name):
    return next(text for text in (*sql.tables(KAFKA), *sql.views()) if f" {name} " in text.splitlines()[0])


@pytest.mark.parametrize(("upstream", "measure"), UPSTREAM, ids=[upstream for upstream, _ in UPSTREAM])
def test_every_upstream_name_leads_to_its_topic_and_range(upstream, measure):
    view = statement("normalised_values")

    assert f"WHEN '{upstream}' THEN '{MEASURE_TOPICS[measure.name].name}'" in view
    assert f"WHEN '{upstream}' THEN {measure.low!r}E0" in view
    assert f"WHEN '{upstream}' THEN {measure.high!r}E0" in view
    if measure.scale != 1.0:
        assert f"WHEN '{upstream}' THEN {measure.scale!r}E0" in view
    if measure.saturated_at is not None:
        assert f"WHEN '{upstream}' THEN {measure.saturated_at!r}E0" in view


def test_no_upstream_name_belongs_to_two_measures_or_to_housekeeping():
    names = [upstream for upstream, _ in UPSTREAM]

    assert len(names) == len(set(names))
    assert not HOUSEKEEPING & set(names)


def test_every_housekeeping_name_is_ignored_by_name():
    view = statement("upstream_values")

    assert all(f"'{name}'" in view for name in HOUSEKEEPING)


def test_every_number_is_a_literal_that_sql_knows():
    numbers = re.findall(r"THEN ([^' ]+)", statement("normalised_values"))

    assert numbers
    assert all(re.fullmatch(r"-?\d+\.\d+E0", number) for number in numbers)


def test_one_sink_has_every_measure_topic():
    topics = KAFKA.measure_values().options["topic"].split(";")

    assert topics == [MEASURE_TOPICS[measure.name].name for measure in MEASURES]


def test_sinks_never_share_a_transactional_prefix():
    prefixes = [
        connection.options["sink.transactional-id-prefix"]
        for connection in (KAFKA.measure_values(), KAFKA.dead_letters())
    ]

    assert len(set(prefixes)) == len(prefixes)


def test_sources_never_share_a_group():
    groups = [
        connection.options["properties.group.id"] for connection in (KAFKA.readings(), KAFKA.reading_lines())
    ]

    assert len(set(groups)) == len(groups)


@pytest.mark.parametrize("guard", [True, False])
def test_each_sink_is_fed_by_one_insert(guard):
    targets = [re.search(r"INSERT INTO (\w+)", insert)[1] for insert in sql.inserts(guard=guard)]

    assert targets == ["measure_values", "dead_letters"]


def test_no_condition_is_negated_where_null_or_nan_would_be_lost():
    text = "\n".join((*sql.views(), *sql.inserts(guard=True)))

    assert not re.search(r"\bNOT \(|NOT BETWEEN|NOT IN\b", text)


def test_only_the_connectors_differ_between_kafka_and_folders(tmp_path):
    def own_part(connectors):
        return [table.split("event_time")[0].split(") WITH")[0] for table in sql.tables(connectors)][:1]

    assert own_part(KAFKA) == own_part(FolderConnectors(tmp_path))

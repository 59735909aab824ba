"""The text of the jobs, without Flink."""

import re

import pytest

from contracts.measures import HOUSEKEEPING, MEASURES
from contracts.topics import DEAD_LETTERS, MEASURE_TOPICS
from flink_jobs.connectors import FolderConnectors, KafkaConnectors
from flink_jobs.sql import aggregate, doubts, places, readings, split
from flink_jobs.sql.timing import Period, Timing

KAFKA = KafkaConnectors("broker:9092", "luftstrom-v1-all")
UPSTREAM = [(upstream, measure) for measure in MEASURES for upstream in measure.upstream]
TIMING = Timing(period=Period(1_557_619_200, 1_557_705_600))
STEPS = (
    *readings.steps(TIMING), *split.steps(TIMING), *aggregate.steps(TIMING), *places.steps(), *doubts.steps()
)  # fmt: skip
INSERTS = (
    *split.inserts(KAFKA, guard=True), *aggregate.inserts(KAFKA, TIMING), *places.inserts(), *doubts.inserts()
)  # fmt: skip
SINKS = [table for part in (split, aggregate, places, doubts) for table in part.tables(KAFKA)]


def step(name):
    return next(step.query for step in STEPS if step.name == name)


@pytest.mark.parametrize(("upstream", "measure"), UPSTREAM, ids=[upstream for upstream, _ in UPSTREAM])
def test_every_upstream_name_leads_to_its_topic_and_range(upstream, measure):
    view = step("flagged_values")
    own = view.split("COALESCE(")[1].split(f"WHEN '{upstream}' THEN ")[1].split("WHEN '")[0]

    assert f"WHEN '{upstream}' THEN '{measure.name}'" in view
    assert f"WHEN '{upstream}' THEN '{MEASURE_TOPICS[measure.name].name}'" in INSERTS[0]
    assert f"BETWEEN {measure.low!r}E0 AND {measure.high!r}E0" in own
    if measure.scale != 1.0:
        assert f"number * {measure.scale!r}E0" in own
    if measure.saturated_at is not None:
        assert f">= {measure.saturated_at!r}E0" in own
        assert measure.saturated_at > measure.high  # the text looks for it out of the range alone


def test_no_upstream_name_belongs_to_two_measures_or_to_housekeeping():
    names = [upstream for upstream, _ in UPSTREAM]

    assert len(names) == len(set(names))
    assert not HOUSEKEEPING & set(names)


def test_every_housekeeping_name_is_ignored_by_name():
    assert all(f"'{name}'" in step("upstream_values") for name in HOUSEKEEPING)


def test_every_number_is_a_literal_that_sql_knows():
    numbers = re.findall(r"(?:BETWEEN|AND|>=|\*) (-?\d[^' ]*)", step("flagged_values"))

    assert numbers
    assert all(re.fullmatch(r"-?\d+\.\d+E0", number) for number in numbers)


def test_one_sink_has_every_measure_topic():
    topics = KAFKA.sink("measure-values", tuple(MEASURE_TOPICS.values())).options["topic"].split(";")

    assert topics == [MEASURE_TOPICS[measure.name].name for measure in MEASURES]


def test_a_sink_takes_messages_as_large_as_its_topic_does():
    options = KAFKA.sink("dead-letters", (DEAD_LETTERS,)).options

    assert options["properties.max.request.size"] == DEAD_LETTERS.settings["max.message.bytes"]


def test_sinks_never_share_a_transactional_prefix():
    prefixes = [prefix for table in SINKS for prefix in re.findall(r"id-prefix' = '([^']+)'", table.sql)]

    assert len(prefixes) == len(set(prefixes)) == len(SINKS) - 1  # one of split's tables is a source


def test_at_least_once_has_no_transactions():
    options = KafkaConnectors("b:1", "p", exactly_once=False).sink("x", (DEAD_LETTERS,)).options

    assert options["sink.delivery-guarantee"] == "at-least-once"
    assert not [name for name in options if "transaction" in name]


def test_sources_never_share_a_group():
    groups = [
        connection.options["properties.group.id"] for connection in (KAFKA.readings(), KAFKA.reading_lines())
    ]

    assert len(set(groups)) == len(groups)


def test_a_period_in_whole_days_holds_the_windows_that_it_touches():
    day_s = 86_400

    assert Period(day_s + 5, 3 * day_s - 5).in_whole_days() == Period(day_s, 3 * day_s)
    assert Period(day_s, 3 * day_s).in_whole_days() == Period(day_s, 3 * day_s)


def test_each_sink_is_fed_by_one_insert():
    targets = [re.search(r"INSERT INTO (\w+)", insert)[1] for insert in INSERTS]

    assert len(targets) == len(set(targets)) == len(SINKS) - 1


def test_no_condition_is_negated_where_null_or_nan_would_be_lost():
    text = "\n".join((*(step.query for step in STEPS), *INSERTS))

    assert not re.search(r"\bNOT \(|NOT BETWEEN|NOT IN\b", text)


def test_only_the_connectors_differ_between_kafka_and_folders(tmp_path):
    def own_part(connectors):
        return readings.tables(connectors, TIMING)[0].sql.split("event_time")[0]

    assert own_part(KAFKA) == own_part(FolderConnectors(tmp_path))

"""What the job means, on Flink itself: bounded runs over folders of lines."""

import json
import re

import pytest

from contracts.dead_letters import Reason
from contracts.flags import Flag
from contracts.measures import HOUSEKEEPING, MEASURES
from contracts.topics import DEAD_LETTERS, MEASURE_TOPICS
from flink_jobs.connectors import KafkaConnectors
from flink_jobs.job import Job, job_text
from flink_jobs.planning import statement_set
from tests.flink_jobs.bounded import OBSERVED_AT_S, Outcome, a_reading, line

pytestmark = pytest.mark.flink

NO_NUMBERS = ["nan", "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "", " ", "unavailable", "1,5", None,
              True, {"a": 1}, [1]]  # fmt: skip
NUMBERS = [
    ("7.5", 7.5),
    (" 7.5 ", 7.5),
    ("1d", 1.0),
    ("1f", 1.0),
    ("-0.0", -0.0),
    (98.25, 98.25),
    (7, 7.0),
    ("1e2", 100.0),
]
NO_VALUES = [None, 5, "x", [1, 2], [], {}, {"value": "1"}, {"value": "2", "value_type": None}]
ODD_PLACES = [
    {"location": "abc"}, {"location": [{"latitude": "9"}]}, {"location": None}, {"place": 5}, {"place": None},
    {"location": {"latitude": "abc", "longitude": None, "indoor": "x"}},
    {"location": {"a": {"latitude": [3]}}}, {"place": [{"country": "XX"}]},
]  # fmt: skip
ODD_SENSORS = [
    {"id": 71},
    {"id": "71"},
    {"id": 71, "sensor_type": "x"},
    {"id": 71, "sensor_type": [{"name": "y"}]},
]
NO_READINGS = [
    *(
        {"id": id_}
        for id_ in (None, True, "abc", "1.5", 1.5, [1], {"id": 1}, "007", 12345678901234567890, "", "1e3")
    ),
    *(
        {"sensor": sensor}
        for sensor in (None, 5, {}, [], "x", [{"id": 3}], {"id": None}, {"id": "x"}, {"id": 1.5})
    ),
    *(
        {"sensordatavalues": values}
        for values in (None, "x", 5, {}, {"value": "1", "value_type": "P1"}, "[]")
    ),
]
NO_JSON = [b"", b"garbage", b'{"id":1', line(a_reading(("1", "P1")))[:-1], line(a_reading(("1", "P1")))[:60]]
NO_OBJECTS = [b"5", b'"x"', b"null", b"[]", b"[1]"]
NO_UTF8 = line(a_reading(("1", "P1"), note="??")).replace(b"??", b"\xff\xfe")


@pytest.fixture(scope="module")
def measured(run_split):
    """Readings of every upstream name: the middle, outside, at its ends, and at the end of its scale."""
    lines = []
    for sensor_id, (upstream, measure) in enumerate(_upstream(), start=100):
        middle, above = (measure.low + measure.high) / 2, measure.high * 1.01 + 1
        values = [middle, above, measure.low, measure.high]
        if measure.saturated_at is not None:
            values.append(measure.saturated_at)
        sensor = {"id": sensor_id, "sensor_type": {"name": "T"}}
        lines += [line(a_reading((repr(each / measure.scale), upstream), sensor=sensor)) for each in values]
    return run_split(lines)


@pytest.fixture(scope="module")
def faulty(run_split):
    """Every fault at once, each reading between good ones."""
    lines = [
        line(a_reading(*((value, "P1") for value in NO_NUMBERS))),
        line(a_reading(*((text, "temperature") for text, _ in NUMBERS), sensor={"id": 72})),
        line(a_reading(sensordatavalues=NO_VALUES)),
        line(a_reading(("1", "weird"), ("2", "P3"), *(("x", name) for name in sorted(HOUSEKEEPING)))),
        *(line(a_reading(("1", "P1"), sensor={"id": 73}, **odd)) for odd in ODD_PLACES),
        *(line(a_reading(("1", "P2"), sensor=odd)) for odd in ODD_SENSORS),
        line(a_reading(("4", "P1"), id=5, sensor={"id": 74})),
        line(a_reading(("4", "P1"), id="5", sensor={"id": 74})),
        *(line(a_reading(("1", "P1"), **wrong)) for wrong in NO_READINGS),
        *NO_JSON, *NO_OBJECTS, NO_UTF8,
        line(a_reading(("3", "P1"), sensor={"id": 75}, note="a \ufffd b \u20ac")),
        line(a_reading(("3", "P1"), sensor={"id": 75}, note="??")).replace(b"??", b"a\x01b\tc"),
        line(a_reading(("3", "P1"), sensor={"id": 75})) + b" ",
        line(a_reading(sensor={"id": 76})),
    ]  # fmt: skip
    return run_split(lines)


def _upstream():
    return [(upstream, measure) for measure in MEASURES for upstream in measure.upstream]


def of_reason(outcome: Outcome, reason):
    return [letter for letter in outcome.letters if letter["reason"] == reason]


def test_every_upstream_name_is_normalised_and_flagged(measured):
    for sensor_id, (_, measure) in enumerate(_upstream(), start=100):
        values = measured.value(sensor_id)
        assert {value["topic"] for value in values} == {MEASURE_TOPICS[measure.name].name}
        middle, above, low, high, *saturated = values
        assert middle["value"] == pytest.approx((measure.low + measure.high) / 2)
        assert [value["flags"] for value in (middle, low, high)] == [0, 0, 0]
        assert above["flags"] & Flag.OUT_OF_RANGE
        assert all(value["flags"] == Flag.OUT_OF_RANGE | Flag.SATURATED for value in saturated)
    assert measured.letters == []


def test_a_value_is_the_message_that_its_topic_promises(measured):
    value = measured.values[0]
    topic = next(topic for topic in MEASURE_TOPICS.values() if topic.name == value["topic"])

    message = topic.decode(json.dumps(value).encode())

    assert (message.sensor_id, message.sensor_type, message.observed_at_s) == (100, "T", OBSERVED_AT_S)
    assert (message.country, message.city) == ("GB", "Aberdeen")
    assert (message.lat, message.lon, message.indoor) == (57.136, -2.075, 0)
    assert value["sensor_key"] == "100"


def test_what_is_no_number_is_a_dead_letter(faulty):
    letters = of_reason(faulty, Reason.NOT_A_NUMBER)

    assert len(letters) == len(NO_NUMBERS)
    originals = [json.loads(letter["original"]) for letter in letters]
    assert all(original["value_type"] == "P1" for original in originals)
    assert {original["value"] for original in originals} >= {"nan", "NaN", "1e400", "", None, "unavailable"}


def test_javas_number_rules_are_harmless(faulty):
    assert [value["value"] for value in faulty.value(72)] == [number for _, number in NUMBERS]


def test_an_entry_without_a_known_value_type_is_an_unknown_measure(faulty):
    originals = [json.loads(letter["original"]) for letter in of_reason(faulty, Reason.UNKNOWN_MEASURE)]

    assert len(originals) == len(NO_VALUES) + 2
    assert {"value": "1", "value_type": "weird"} in originals
    assert {"value": "2", "value_type": None} in originals


def test_an_odd_place_or_sensor_type_costs_only_itself(faulty):
    assert len(faulty.value(73)) == len(ODD_PLACES)
    assert {value["value"] for value in faulty.value(73)} == {1.0}
    pm25 = [value for value in faulty.value(71) if value["topic"] == MEASURE_TOPICS["pm25"].name]
    assert len(pm25) == len(ODD_SENSORS)


def test_a_repeated_id_is_one_reading_also_as_text(faulty):
    assert len(faulty.value(74)) == 1


def test_what_is_no_reading_is_a_dead_letter_with_its_own_bytes(faulty):
    letters = of_reason(faulty, Reason.NOT_A_READING)

    assert len(letters) == len(NO_READINGS) + len(NO_OBJECTS) + 1
    assert {letter["original"] for letter in letters} >= {*NO_OBJECTS, NO_UTF8}


def test_what_is_no_json_is_a_dead_letter_with_its_own_bytes(faulty):
    assert sorted(letter["original"] for letter in of_reason(faulty, Reason.NOT_JSON)) == sorted(NO_JSON)


def test_what_both_parsers_can_read_is_no_dead_letter(faulty):
    assert len(faulty.value(75)) == 3
    assert faulty.value(76) == []
    assert not any(letter["sensor_id"] in {72, 73, 74, 75, 76} for letter in faulty.letters)


def test_a_dead_letter_is_the_message_that_its_topic_promises(faulty):
    letter = {**faulty.letters[0], "original": "eHg="}

    message = DEAD_LETTERS.decode(json.dumps(letter).encode())

    assert message.original == b"xx"
    assert message.source_topic is not None


def test_without_the_guard_only_the_broken_messages_are_missed(run_split):
    outcome = run_split(
        [line(a_reading(("1", "P1"))), b"garbage", line(a_reading(("nan", "P1")))], guard=False
    )

    assert [value["value"] for value in outcome.values] == [1.0]
    assert [letter["reason"] for letter in outcome.letters] == [Reason.NOT_A_NUMBER]


def test_the_plan_remembers_ids_for_two_hours_and_only_appends(flink):
    from pyflink.table import ExplainDetail  # noqa: PLC0415 - needs Java to run

    te = flink()
    statements = statement_set(te, job_text(KafkaConnectors("127.0.0.1:9", "plan"), job=Job.SPLIT))
    explained = statements.explain(ExplainDetail.CHANGELOG_MODE)
    physical = explained.split("== Optimized Physical Plan ==")[1].split("== Optimized Execution Plan ==")[0]
    modes = re.findall(r"changelogMode=\[([^\]]*)\]", physical)

    assert set(modes) == {"I", "NONE"}  # NONE: the sinks themselves
    assert modes.count("NONE") == 2
    plan = json.loads(statements._j_statement_set.compilePlan().asJsonString())  # Python has no way to it
    states = [node["state"] for node in plan["nodes"] if "deduplicate" in node["type"]]
    assert [state[0]["ttl"] for state in states] == ["2 h"]

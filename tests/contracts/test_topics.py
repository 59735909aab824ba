"""Each topic, its examples, and the way there and back."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import contracts
from contracts.dead_letters import ORIGINAL_BYTES_MAX, DeadLetter, Reason, dead_letter
from contracts.errors import BadInputError
from contracts.measure_values import MeasureValue
from contracts.measures import MEASURES
from contracts.readings import Place, RawReading
from contracts.topics import DEAD_LETTERS, MEASURE_TOPICS, READINGS_RAW, TOPICS, Topic

EXAMPLES = Path(contracts.__file__).parent / "examples"


def example_folder(topic: Topic) -> str:
    return "measure" if topic in MEASURE_TOPICS.values() else topic.name


EXAMPLES_OF_TOPICS = [
    pytest.param(topic, path, id=f"{topic.name}-{path.stem}")
    for topic in TOPICS
    for path in sorted((EXAMPLES / example_folder(topic)).glob("*.json"))
]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_has_an_example(topic):
    assert list((EXAMPLES / example_folder(topic)).glob("*.json"))


def test_no_example_belongs_to_no_topic():
    assert {folder.name for folder in EXAMPLES.iterdir()} == {example_folder(topic) for topic in TOPICS}


@pytest.mark.parametrize(("topic", "path"), EXAMPLES_OF_TOPICS)
def test_an_example_goes_there_and_back(topic, path):
    body = path.read_bytes().strip()

    assert json.loads(topic.encode(topic.decode(body))) == json.loads(body)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
@given(body=st.binary(max_size=200))
def test_decoding_raises_nothing_but_bad_input(topic, body):
    try:
        topic.decode(body)
    except BadInputError as error:
        assert error.reason in set(Reason)


def test_every_measure_has_its_own_topic():
    assert len({topic.name for topic in MEASURE_TOPICS.values()}) == len(MEASURES)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_is_kept_by_size_and_never_by_time(topic):
    assert topic.config["retention.ms"] == "-1"
    assert int(topic.config["retention.bytes"]) > 0


@given(
    record=st.dictionaries(
        st.text(max_size=8).filter(lambda name: name not in {"place", "fetched_at", "schema", "origin"}),
        st.one_of(st.none(), st.integers(), st.text(), st.lists(st.integers(), max_size=3)),
        max_size=5,
    ),
    place=st.one_of(st.none(), st.builds(Place, country=st.text(), city=st.text(), geohash=st.text())),
    origin=st.one_of(st.none(), st.text()),
)
def test_a_raw_reading_keeps_the_record_as_it_came(record, place, origin):
    reading = RawReading(msgspec.json.encode(record), place, "2026-01-01T00:00:00Z", origin)

    body = READINGS_RAW.encode(reading)

    assert body.startswith(reading.record[:-1])
    assert READINGS_RAW.decode(body) == reading


@pytest.mark.parametrize("place", [None, Place(country="GB", city="Aberdeen", geohash="gfnt081")])
def test_a_raw_reading_is_marked_where_it_has_no_position_and_only_there(place):
    reading = RawReading(record=b'{"id":1}', place=place, fetched_at="2026-01-01T00:00:00Z")
    sent = json.loads(READINGS_RAW.encode(reading))

    assert sent["place"] == (None if place is None else msgspec.to_builtins(place))
    assert sent.get("no_position") == (True if place is None else None)


def test_a_reading_of_the_feed_has_no_origin_in_its_message():
    body = READINGS_RAW.encode(RawReading(b'{"id": 1}', None, "2026-01-01T00:00:00Z"))

    assert b"origin" not in body


@given(
    value=st.builds(
        MeasureValue,
        sensor_id=st.integers(0, 2**62),
        observed_at_s=st.integers(0, 2**40),
        value=st.floats(allow_nan=False, allow_infinity=False),
        city=st.one_of(st.none(), st.text()),
    )
)
def test_a_measure_value_goes_there_and_back(value):
    topic = MEASURE_TOPICS["pm10"]

    assert topic.decode(topic.encode(value)) == value


@given(original=st.binary(max_size=300), reason=st.sampled_from(Reason))
def test_a_dead_letter_keeps_the_original_bytes(original, reason):
    letter = dead_letter(reason, original, source=("readings-raw-v1", 1, 7), sensor_id=71)

    assert DEAD_LETTERS.decode(DEAD_LETTERS.encode(letter)) == letter
    assert letter.original == original


def test_a_huge_original_is_cut_and_its_size_told():
    letter = dead_letter(Reason.NOT_JSON, b"x" * (ORIGINAL_BYTES_MAX + 5))

    assert isinstance(letter, DeadLetter)
    assert len(letter.original) == ORIGINAL_BYTES_MAX
    assert letter.original_size == ORIGINAL_BYTES_MAX + 5

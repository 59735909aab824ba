"""From each message to its lines."""

import math
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import contracts
from contracts.dead_letters import Reason
from contracts.errors import BadInputError
from contracts.line_protocol import field_text, sensor_key
from contracts.measure_values import MeasureValue
from contracts.measures import MEASURES
from contracts.points import STORED, STORED_BY_TOPIC, Placed
from contracts.stored import LEADS_H, FieldType
from contracts.topics import FLAGS, FORECASTS, MEASURE_TOPICS, PLACES_1H, TOPICS

EXAMPLES = Path(contracts.__file__).parent / "examples"
LINE = re.compile(r"^(?P<key>(?:\\.|[^\\ ])+) (?P<fields>.+) (?P<time>-?\d+)$")
FIELD = re.compile(
    r"""(?P<name>[^=,]+)=(?:(?P<string>"(?:\\.|[^"\\])*")|(?P<number>-?[\d.e+-]+)(?P<integer>i?))"""
)
PM10 = STORED_BY_TOPIC[MEASURE_TOPICS["pm10"].name]


def a_value(**given_fields):
    fields = {"sensor_id": 71, "observed_at_s": 1557649203, "value": 12.4, "sensor_type": "SDS011"}
    return MeasureValue(**{**fields, **given_fields})


def line_of(value):
    [(_, text)] = PM10.lines(value)
    return text


def parsed(text):
    """Measurement, tags, and the type of each field of a line."""
    found = LINE.match(text)
    name, *tags = re.split(r"(?<!\\),", found["key"])
    types = {
        field["name"]: FieldType.STRING
        if field["string"]
        else FieldType.INTEGER
        if field["integer"]
        else FieldType.FLOAT
        for field in FIELD.finditer(found["fields"])
    }
    return name, [tag.split("=")[0] for tag in tags], types


def examples(stored):
    folder = "measure" if stored.topic in MEASURE_TOPICS.values() else stored.topic.name
    return [stored.topic.decode(path.read_bytes()) for path in sorted((EXAMPLES / folder).glob("*.json"))]


def example(topic, number=0):
    return examples(STORED_BY_TOPIC[topic.name])[number]


def test_every_topic_that_the_collector_reads_is_stored_and_no_other():
    assert set(STORED_BY_TOPIC) == {topic.name for topic in TOPICS if "collector" in topic.readers}


@pytest.mark.parametrize("stored", STORED, ids=lambda stored: stored.topic.name)
def test_a_line_is_of_a_measurement_with_its_tags_and_types(stored):
    by_name = {measurement.name: measurement for measurement in stored.measurements}

    for message in examples(stored):
        for series, text in stored.lines(message):
            assert text.startswith(f"{series} ")
            name, tags, types = parsed(text)
            assert set(tags) <= set(by_name[name].tags)
            assert tags == sorted(tags)
            assert types
            assert types.items() <= dict(by_name[name].fields).items()


@pytest.mark.parametrize("stored", STORED, ids=lambda stored: stored.topic.name)
def test_all_measurements_of_a_topic_lie_in_one_bucket(stored):
    assert {measurement.bucket for measurement in stored.measurements} == {stored.bucket}


@pytest.mark.parametrize("stored", STORED, ids=lambda stored: stored.topic.name)
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_never_makes_a_line(stored, number):
    message = examples(stored)[0]
    floats = [name for name in message.__struct_fields__ if isinstance(getattr(message, name), float)]

    for name in floats:
        with pytest.raises(BadInputError) as refusal:
            stored.lines(msgspec.structs.replace(message, **{name: number}))
        assert refusal.value.reason == Reason.NOT_A_NUMBER


def test_a_value_has_sorted_tags_typed_fields_and_seconds():
    assert line_of(a_value(country="GB", city="Aberdeen", lat=57.13, lon=-2.1, indoor=0, flags=3)) == (
        "air,city=Aberdeen,country=GB,sensor_id=71,sensor_type=SDS011 "
        "pm10_ug_m3=12.4,pm10_flags=3i,lat=57.13,lon=-2.1,indoor=0i 1557649203"
    )


def test_the_position_of_a_reading_is_written_with_its_first_value_alone():
    placed = Placed()
    texts = [
        PM10.lines(a_value(observed_at_s=at_s, lat=57.13, lon=-2.1, indoor=0), placed)[0][1]
        for at_s in (1557649203, 1557649203, 1557649353)
    ]

    assert ["lat=57.13,lon=-2.1,indoor=0i" in text for text in texts] == [True, False, True]
    assert texts[1] == "air,sensor_id=71,sensor_type=SDS011 pm10_ug_m3=12.4,pm10_flags=0i 1557649203"


def test_of_the_readings_with_a_position_the_newest_are_known():
    placed = Placed(newest_max=4)

    assert [placed.is_first(reading) for reading in (1, 2, 1, 3, 2, 4)] == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]
    assert not placed.is_first(3)
    assert placed.is_first(1)


def test_what_is_unknown_is_left_out():
    assert line_of(a_value(sensor_type=None, city=" ")) == (
        "air,sensor_id=71 pm10_ug_m3=12.4,pm10_flags=0i 1557649203"
    )


def test_a_whole_number_stays_a_float():
    whole = PM10.topic.decode(PM10.topic.encode(a_value(value=12)))

    assert "pm10_ug_m3=12.0," in line_of(whole)


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_the_field_follows_from_the_topic(measure):
    [(_, text)] = STORED_BY_TOPIC[MEASURE_TOPICS[measure.name].name].lines(a_value())

    assert f" {measure.field}=12.4,{measure.flags_field}=0i " in text


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_keeps_every_digit(value):
    found = re.search(r"pm10_ug_m3=([^,]+),", line_of(a_value(value=value)))

    assert found is not None
    assert float(found[1]) == value


@given(city=st.text())
def test_a_city_of_any_letters_makes_one_key(city):
    key = sensor_key("air", 71, "SDS011", "GB", city)

    assert len(re.split(r"(?<!\\) ", key)) == 1
    assert "\n" not in key
    assert not key.split(",country=")[0].endswith("\\")


@given(text=st.text())
def test_a_string_of_any_letters_makes_one_field(text):
    assert FIELD.fullmatch("model=" + field_text(FieldType.STRING, text))


def test_the_measures_of_a_citys_hour_merge():
    hours = [
        parsed(text)
        for number in (0, 1)
        for _, text in STORED_BY_TOPIC[PLACES_1H.name].lines(example(PLACES_1H, number))
    ]

    assert hours[0][:2] == hours[1][:2]
    assert not set(hours[0][2]) & set(hours[1][2])


def test_each_flag_of_a_span_has_its_line():
    span = msgspec.structs.replace(example(FLAGS), flags=64 | 256)

    lines = STORED_BY_TOPIC[FLAGS.name].lines(span)
    assert [re.search("flag=([a-z]+)", series)[1] for series, _ in lines] == ["dead", "stuck"]


def test_a_span_without_a_flag_makes_no_line():
    with pytest.raises(BadInputError, match="no flag"):
        STORED_BY_TOPIC[FLAGS.name].lines(msgspec.structs.replace(example(FLAGS), flags=0))


def test_a_forecast_is_stored_at_the_hours_it_is_of_and_by_its_lead():
    forecast = example(FORECASTS)
    lines = [text for _, text in STORED_BY_TOPIC[FORECASTS.name].lines(forecast)]
    newest = [int(text.rsplit(" ", 1)[1]) for text in lines if text.startswith("forecast,")]
    by_lead = {
        re.search(r"lead_h=(\d+)", text)[1]: text for text in lines if text.startswith("forecast_lead,")
    }

    assert newest == [forecast.issued_at_s + hour * 3600 for hour in range(24)]
    assert set(by_lead) == {str(lead_h) for lead_h in LEADS_H}
    assert by_lead["6"].endswith(f" {forecast.valid_at_s(6)}")


@pytest.mark.parametrize("quantiles", [[], [[1.0] * 11] * 23, [[1.0] * 10] * 24])
def test_a_forecast_of_another_shape_makes_no_line(quantiles):
    forecast = msgspec.structs.replace(example(FORECASTS), quantiles=quantiles)

    with pytest.raises(BadInputError, match="24 rows of 11"):
        STORED_BY_TOPIC[FORECASTS.name].lines(forecast)


@pytest.mark.parametrize(
    "stored",
    [each for each in STORED if hasattr(examples(each)[0], "measure")],
    ids=lambda stored: stored.topic.name,
)
def test_an_unknown_measure_makes_no_line(stored):
    with pytest.raises(BadInputError) as refusal:
        stored.lines(msgspec.structs.replace(examples(stored)[0], measure="gold"))
    assert refusal.value.reason == Reason.UNKNOWN_MEASURE

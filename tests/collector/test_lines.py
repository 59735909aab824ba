"""From records to lines, and to dead letters for what makes no line."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.lines import MEASURE_BY_TOPIC, lines_and_letters, reason_against
from contracts.dead_letters import Reason
from contracts.measures import MEASURES
from contracts.stored import LIVE_RETENTION_S
from contracts.topics import MEASURE_TOPICS
from runtime.log_interfaces import Partition
from tests.collector.builders import NOW_S, PERIOD, PM10, PM10_PARTITION, a_body, a_record, a_value


def made_of(*records, partition=PM10_PARTITION):
    return lines_and_letters({partition: records}, PERIOD)


def test_a_value_becomes_a_line_of_its_measure():
    lines, letters = made_of(a_record())

    assert [line.text for line in lines] == [
        r"air,city=Aberdeen,country=GB,sensor_id=71,sensor_type=SDS011 "
        f"pm10_ug_m3=12.5,pm10_flags=0i,lat=57.1,lon=-2.1,indoor=0i {NOW_S - 60}"
    ]
    assert letters == []


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_the_measure_follows_from_the_topic(measure):
    partition = Partition(MEASURE_TOPICS[measure.name].name, 1)

    [line], _ = made_of(a_record(), partition=partition)

    assert f" {measure.field}=12.5,{measure.flags_field}=0i," in line.text


def test_every_measure_topic_is_read():
    assert set(MEASURE_BY_TOPIC) == {topic.name for topic in MEASURE_TOPICS.values()}


def test_the_unknown_is_left_out():
    nowhere = a_record(sensor_type=None, country=None, city=None, lat=None, lon=None, indoor=None)

    [line], _ = made_of(nowhere)

    assert line.text == f"air,sensor_id=71 pm10_ug_m3=12.5,pm10_flags=0i {NOW_S - 60}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b'{"sensor_id":71}',
        b'{"sensor_id":"x","observed_at_s":1,"value":1}',
        b'{"sensor_id":1,"observed_at_s":1,"value":NaN}',
        b'{"sensor_id":1,"observed_at_s":1,"value":1e999}',
        b'{"sensor_id":1,"observed_at_s":1,"value":1,"city":"\\ud800"}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_message_is_undecodable_and_keeps_its_bytes(body):
    lines, [letter] = made_of(a_record(body, offset=12))

    assert lines == []
    assert letter.reason == Reason.UNDECODABLE
    assert letter.original == body
    assert (letter.source_topic, letter.source_partition, letter.source_offset) == (PM10.name, 0, 12)


def test_a_record_without_a_value_is_undecodable():
    _, [letter] = made_of(a_record()._replace(value=None))

    assert letter.reason == Reason.UNDECODABLE


@pytest.mark.parametrize("member", ["value", "lat", "lon"])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_makes_no_line(member, number):
    assert reason_against(a_value(**{member: number}), PERIOD) == Reason.NOT_A_NUMBER


@pytest.mark.parametrize(
    ("observed_at_s", "reason"),
    [
        (NOW_S - LIVE_RETENTION_S, None),
        (NOW_S - LIVE_RETENTION_S - 1, Reason.OUTSIDE_RETENTION),
        (NOW_S + 7200, None),
        (NOW_S + 7201, Reason.FROM_THE_FUTURE),
        (10**30, Reason.FROM_THE_FUTURE),
    ],
)
def test_only_times_that_the_store_keeps_make_lines(observed_at_s, reason):
    assert reason_against(a_value(observed_at_s=observed_at_s), PERIOD) == reason


def test_a_bad_record_costs_no_other():
    lines, letters = made_of(a_record(sensor_id=1), a_record(b"bad", offset=1), a_record(sensor_id=3))

    assert [line.sensor_id for line in lines] == [1, 3]
    assert [letter.source_offset for letter in letters] == [1]


@given(st.binary(max_size=60) | st.binary(max_size=20).map(lambda junk: a_body()[:-3] + junk))
def test_any_bytes_make_a_line_or_a_dead_letter(body):
    lines, letters = made_of(a_record(body))

    assert len(lines) + len(letters) == 1


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_digit_of_a_finite_float_stands_in_the_line(value):
    [line], _ = made_of(a_record(value=value))

    written = line.text.split("pm10_ug_m3=")[1].split(",")[0]
    assert float(written) == value
    assert math.copysign(1.0, float(written)) == math.copysign(1.0, value)


@given(st.text(max_size=30))
def test_any_city_leaves_one_line_of_three_parts(city):
    [line], _ = made_of(a_record(city=city))

    assert "\n" not in line.text
    assert line.text.replace("\\ ", "").count(" ") == 2

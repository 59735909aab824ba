"""From records to lines, and to dead letters for what makes no line."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.dead_letters import Reason
from contracts.points import STORED_BY_TOPIC
from contracts.stored import DAILY, FORECAST, HOURLY, LIVE, LIVE_RETENTION_S
from contracts.topics import AGGREGATE_TOPICS, FORECASTS
from runtime.log_interfaces import Partition
from tests.collector.builders import NOW_S, PM10_PARTITION, a_body, a_forecast, made

YEAR_S = 365 * 86_400


def a_line(body):
    """The one line of a body."""
    lines_by_bucket, letters = made(body)
    assert letters == []
    [text] = lines_by_bucket[LIVE.name].texts
    return text


def an_aggregate(size, starts_at_s):
    topic = AGGREGATE_TOPICS[size]
    body = f'{{"sensor_id":70,"measure":"pm10","starts_at_s":{starts_at_s},"count":1,"flagged":0,"mean":5.0}}'
    return made(body.encode(), partition=Partition(topic.name, 0))


def test_a_value_becomes_a_line_of_its_measure():
    assert a_line(a_body()) == (
        r"air,city=Aberdeen,country=GB,sensor_id=71,sensor_type=SDS011 "
        f"pm10_ug_m3=12.5,pm10_flags=0i,lat=57.1,lon=-2.1,indoor=0i {NOW_S - 60}"
    )


def test_a_line_knows_its_record():
    body = a_body()
    lines = made(b"bad", body).lines_by_bucket[LIVE.name]

    assert (lines.moments, lines.partitions) == ([NOW_S - 60], [PM10_PARTITION])
    assert (lines.offsets, lines.values) == ([1], [body])


@pytest.mark.parametrize(("size", "bucket"), [("5m", LIVE), ("1h", HOURLY), ("1d", DAILY)])
def test_windows_go_to_the_bucket_of_their_size(size, bucket):
    lines_by_bucket, letters = an_aggregate(size, NOW_S - 3600)

    assert [name for name, lines in lines_by_bucket.items() if len(lines)] == [bucket.name]
    assert letters == []


@pytest.mark.parametrize(("size", "is_kept"), [("5m", False), ("1h", True), ("1d", True)])
def test_hours_and_days_keep_years_that_live_sets_aside(size, is_kept):
    _, letters = an_aggregate(size, NOW_S - 4 * YEAR_S)

    assert [letter.reason for letter in letters] == ([] if is_kept else [Reason.OUTSIDE_RETENTION])


def test_a_forecast_of_tomorrow_is_not_from_the_future():
    lines_by_bucket, letters = made(a_forecast(), partition=Partition(FORECASTS.name, 0))

    assert letters == []
    newest = max(int(text.rsplit(" ", 1)[1]) for text in lines_by_bucket[FORECAST.name].texts)
    assert newest == NOW_S + 23 * 3600


def test_a_forecast_that_is_issued_in_the_future_is_set_aside_once():
    _, letters = made(a_forecast(issued_at_s=NOW_S + 7201), partition=Partition(FORECASTS.name, 0))

    assert [letter.reason for letter in letters] == [Reason.FROM_THE_FUTURE]


def test_a_record_of_many_lines_has_one_dead_letter():
    lines = made(a_forecast(), partition=Partition(FORECASTS.name, 0)).lines_by_bucket[FORECAST.name]

    [letter] = lines.letters(Reason.REFUSED_BY_STORE)
    assert (letter.sensor_id, letter.original) == (71, a_forecast())


@pytest.mark.parametrize("topic", STORED_BY_TOPIC)
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
def test_what_is_no_message_is_undecodable_and_keeps_its_bytes(topic, body):
    _, [letter] = made(body, partition=Partition(topic, 1))

    assert letter.reason == Reason.UNDECODABLE
    assert letter.original == body
    assert (letter.source_topic, letter.source_partition, letter.source_offset) == (topic, 1, 0)


def test_a_record_without_a_value_is_undecodable():
    _, [letter] = made(None)

    assert letter.reason == Reason.UNDECODABLE


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
    _, letters = made(a_body(observed_at_s=observed_at_s))

    assert [letter.reason for letter in letters] == ([] if reason is None else [reason])


def test_a_bad_record_costs_no_other():
    lines_by_bucket, letters = made(a_body(sensor_id=1), b"bad", a_body(sensor_id=3))

    assert lines_by_bucket[LIVE.name].offsets == [0, 2]
    assert [letter.source_offset for letter in letters] == [1]


def test_series_beyond_the_limit_are_set_aside_and_the_others_go_on():
    bodies = [a_body(sensor_id=sensor_id) for sensor_id in (1, 2, 3, 1, 2, 3)]
    lines_by_bucket, letters = made(*bodies, series_max=2)

    assert lines_by_bucket[LIVE.name].offsets == [0, 1, 3, 4]
    assert [(letter.reason, letter.source_offset) for letter in letters] == [
        (Reason.TOO_MANY_SERIES, 2),
        (Reason.TOO_MANY_SERIES, 5),
    ]


@given(st.binary(max_size=60) | st.binary(max_size=20).map(lambda junk: a_body()[:-3] + junk))
def test_any_bytes_make_a_line_or_a_dead_letter(body):
    lines_by_bucket, letters = made(body)

    assert sum(map(len, lines_by_bucket.values())) + len(letters) == 1


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_digit_of_a_finite_float_stands_in_the_line(value):
    text = a_line(a_body(value=value))

    written = text.split("pm10_ug_m3=")[1].split(",")[0]
    assert float(written) == value
    assert math.copysign(1.0, float(written)) == math.copysign(1.0, value)

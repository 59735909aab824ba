"""The doubts that a reading alone tells, on Flink itself."""

import pytest

from contracts.flags import FUTURE_S_MAX, Flag
from tests.flink_jobs.bounded import OBSERVED_AT_S, a_reading, line

pytestmark = pytest.mark.flink

# Each: the values of one reading, and the flags that each of them gets.
READINGS = [
    ([("12.4", "P1"), ("8.1", "P2")], [0, 0]),
    ([("8.1", "P1"), ("8.1", "P2")], [0, 0]),
    ([("8.1", "P1"), ("12.4", "P2")], [Flag.PM25_ABOVE_PM10] * 2),
    ([("3", "P0"), ("12.4", "P2"), ("8.1", "P1")], [0, Flag.PM25_ABOVE_PM10, Flag.PM25_ABOVE_PM10]),
    ([("nan", "P1"), ("12.4", "P2")], [0]),
    ([("1999.9", "P1"), ("999.9", "P2")], [Flag.OUT_OF_RANGE | Flag.SATURATED] * 2),
    ([("-142.0", "temperature"), ("55", "humidity"), ("98656.56", "pressure")],
     [Flag.OUT_OF_RANGE | Flag.SENSOR_FAULT, Flag.SENSOR_FAULT, Flag.SENSOR_FAULT]),
    ([("12.0", "temperature"), ("101", "humidity")],
     [Flag.SENSOR_FAULT, Flag.OUT_OF_RANGE | Flag.SENSOR_FAULT]),
    ([("12.0", "temperature"), ("57500", "pressure"), ("130000", "pressure_at_sealevel")],
     [0, 0, Flag.OUT_OF_RANGE]),
    ([("1018.2", "pressure"), ("12", "temperature")], [Flag.UNIT_REPAIRED, 0]),
    ([("1150", "pressure"), ("12", "temperature")],
     [Flag.UNIT_REPAIRED | Flag.OUT_OF_RANGE | Flag.SENSOR_FAULT, Flag.SENSOR_FAULT]),
    ([("100", "humidity")], [0]),
    ([("-0.1", "P1")], [Flag.OUT_OF_RANGE]),
]  # fmt: skip


@pytest.fixture(scope="module")
def outcome(run_split):
    lines = [
        line(a_reading(*values, sensor={"id": number, "sensor_type": {"name": "T"}}))
        for number, (values, _) in enumerate(READINGS)
    ]
    times = [OBSERVED_AT_S + ahead for ahead in (FUTURE_S_MAX, FUTURE_S_MAX + 1)]
    ahead = [
        line(
            a_reading(("1", "P1"), sensor={"id": 1000 + n}, event_time_ms=at_s * 1000, fetched_at=fetched_at)
        )
        for fetched_at in ("2019-05-12T08:20:03Z", "2019-05-12T08:20:03.000Z", "never", None)
        for n, at_s in enumerate(times)
    ]
    return run_split(lines + ahead)


@pytest.mark.parametrize("number", range(len(READINGS)))
def test_each_value_has_the_flags_of_its_reading(outcome, number):
    _, flags = READINGS[number]

    assert [value["flags"] for value in outcome.value(number)] == flags


def test_a_repaired_pressure_is_in_hectopascal(outcome):
    repaired = next(n for n, (values, _) in enumerate(READINGS) if ("1018.2", "pressure") in values)

    assert outcome.value(repaired)[0]["value"] == 1018.2


def test_five_minutes_ahead_of_its_fetching_is_no_doubt_and_a_second_more_is(outcome):
    assert [value["flags"] for value in outcome.value(1000)] == [0] * 4
    assert [value["flags"] for value in outcome.value(1001)] == [Flag.FROM_FUTURE] * 2 + [0] * 2

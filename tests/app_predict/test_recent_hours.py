"""Gathered piece by piece, the hours are the table that training makes of them at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_predict.recent_hours import RecentHours
from forecasting.hourly_table import HOUR_S, HourlyRows, hourly_table
from tests.app_predict.hours import rows_of

MEASURES = ("pm25", "temperature", "humidity")
SENSORS, HOURS = 4, 40


@st.composite
def hourly_rows(draw):
    count = draw(st.integers(0, 120))
    numbers = np.random.default_rng(draw(st.integers(0, 2**32)))
    spot = numbers.integers(0, 3, count)
    # The store has one row of a sensor at a place in an hour.
    cells = numbers.permutation(len(MEASURES) * SENSORS * (HOURS + 6))[:count]
    measure, rest = np.divmod(cells, SENSORS * (HOURS + 6))
    sensor, hour = np.divmod(rest, HOURS + 6)
    return HourlyRows(
        measure=np.array(MEASURES)[measure],
        sensor_id=sensor + 1,
        starts_at_s=(hour - 3) * HOUR_S,
        mean=np.where(numbers.random(count) < 0.5, 7.0, numbers.normal(10, 5, count).round(2)),
        count=numbers.integers(0, 30, count),
        lat=np.where(spot == 2, np.nan, 57.0 + spot),
        lon=np.where(spot == 2, np.nan, -2.0),
    )


def pieces(rows, hours):
    for first in range(-3, HOURS + 3, hours):
        inside = (rows.starts_at_s >= first * HOUR_S) & (rows.starts_at_s < (first + hours) * HOUR_S)
        yield rows.where(inside)


@pytest.mark.slow
@given(rows=hourly_rows(), hours_a_piece=st.integers(1, 50))
def test_pieces_make_the_same_table_as_the_whole(rows, hours_a_piece):
    gathered = RecentHours(MEASURES, starts_at_s=0, hours=HOURS)
    for piece in pieces(rows, hours_a_piece):
        gathered.add(piece)
    covariates = ("temperature", "humidity")

    found = gathered.table("pm25", covariates)
    whole = hourly_table(rows, "pm25", covariates=covariates, starts_at_s=0, hours=HOURS)

    assert np.array_equal(found.sensor_ids, whole.sensor_ids)
    assert np.allclose(found.values, whole.values, equal_nan=True)
    assert np.allclose(found.lat, whole.lat, equal_nan=True)
    for name in covariates:
        assert np.allclose(found.covariates[name], whole.covariates[name], equal_nan=True)


def test_a_measure_that_nobody_measures_is_an_empty_table_and_a_missing_covariate():
    gathered = RecentHours(MEASURES, starts_at_s=0, hours=HOURS)
    gathered.add(rows_of(np.ones((2, HOURS)) * np.arange(HOURS)))

    assert gathered.table("humidity").values.shape == (0, HOURS)
    assert np.isnan(gathered.table("pm25", ("temperature", "co2")).covariates["co2"]).all()


def test_more_sensors_than_at_first_find_room():
    gathered = RecentHours(("pm25",), starts_at_s=0, hours=HOURS)
    many = rows_of(np.random.default_rng(1).normal(10, 1, (700, HOURS)))
    gathered.add(many)

    assert gathered.table("pm25").values.shape == (700, HOURS)

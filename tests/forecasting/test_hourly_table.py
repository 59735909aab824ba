"""Rows of aggregates become a grid of hours."""

import numpy as np

from forecasting.hourly_table import READINGS_MIN, HourlyRows, hourly_table
from tests.forecasting.builders import MONDAY_S

HOUR_S = 3600


def rows(*given):
    """Each (measure, sensor, hour, mean, count, lat, lon)."""
    measure, sensor, hour, mean, count, lat, lon = (np.array(column) for column in zip(*given, strict=True))
    return HourlyRows(measure, sensor, MONDAY_S + hour * HOUR_S, mean.astype(float), count, lat, lon)


def table(*given, covariates=(), hours=4):
    return hourly_table(rows(*given), "pm25", covariates=covariates, starts_at_s=MONDAY_S, hours=hours)


def test_a_row_stands_at_its_hour_and_what_was_not_measured_is_missing():
    found = table(("pm25", 7, 2, 11.0, 24, 57.1, -2.1))

    assert found.sensor_ids.tolist() == [7]
    np.testing.assert_array_equal(found.values, np.float32([[np.nan, np.nan, 11.0, np.nan]]))


def test_an_hour_of_too_few_readings_is_missing():
    found = table(
        ("pm25", 7, 0, 11.0, READINGS_MIN - 1, 57.1, -2.1), ("pm25", 7, 1, 12.0, READINGS_MIN, 57.1, -2.1)
    )

    np.testing.assert_array_equal(found.values[0, :2], np.float32([np.nan, 12.0]))


def test_hours_outside_of_the_table_are_left_out():
    found = table(("pm25", 7, -1, 1.0, 24, 57.1, -2.1), ("pm25", 7, 0, 2.0, 24, 57.1, -2.1),
                  ("pm25", 7, 4, 3.0, 24, 57.1, -2.1))  # fmt: skip

    np.testing.assert_array_equal(found.values[0], np.float32([2.0, np.nan, np.nan, np.nan]))


def test_what_another_sensor_measures_at_the_same_place_is_a_covariate():
    found = table(
        ("pm25", 7, 0, 11.0, 24, 57.1, -2.1),
        ("humidity", 8, 0, 80.0, 24, 57.1, -2.1),
        ("humidity", 9, 0, 10.0, 24, 57.2, -2.1),
        covariates=("humidity",),
    )

    assert found.covariates["humidity"][0, 0] == 80.0


def test_a_sensor_that_moves_is_two_series_and_counts_where_it_is():
    found = table(("pm25", 7, 0, 11.0, 24, 57.1, -2.1), ("pm25", 7, 3, 50.0, 24, 48.1, 11.5))

    assert found.sensor_ids.tolist() == [7, 7]
    there = found.where_they_are()
    assert (there.sensor_ids.tolist(), there.lat.tolist()) == ([7], [48.1])


def test_no_row_makes_an_empty_table():
    found = table(("humidity", 8, 0, 80.0, 24, 57.1, -2.1), covariates=("humidity",))

    assert found.values.shape == (0, 4)
    assert found.covariates["humidity"].shape == (0, 4)


def test_a_sensor_without_a_position_has_no_covariate():
    found = table(
        ("pm25", 7, 0, 11.0, 24, np.nan, np.nan),
        ("humidity", 8, 0, 80.0, 24, np.nan, np.nan),
        covariates=("humidity",),
    )

    assert np.isnan(found.covariates["humidity"]).all()


def test_hours_of_one_value_are_stuck_and_missing_but_fog_may_stay():
    stuck = [("pm25", 7, hour, 11.0, 24, 57.1, -2.1) for hour in range(7)]
    fog = [("humidity", 8, hour, 99.9, 24, 57.1, -2.1) for hour in range(7)]
    found = table(*stuck, ("pm25", 7, 7, 12.0, 24, 57.1, -2.1), *fog, covariates=("humidity",), hours=8)

    np.testing.assert_array_equal(found.values[0], np.float32([*[np.nan] * 7, 12.0]))
    assert (found.covariates["humidity"][0, :7] == np.float32(99.9)).all()

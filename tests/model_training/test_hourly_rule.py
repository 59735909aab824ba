"""Readings of files become hours by the rule of the Flink job."""

import polars as pl
import pytest

from contracts.errors import BadInputError
from contracts.flags import DEAD_COUNT
from contracts.measures import MEASURE_BY_NAME
from model_training.hourly_rule import hours_of
from model_training.sources.readings import readings_in

NOON_S = 1_557_662_400


def hours(measure, *values, name="P1", **others):
    readings = pl.DataFrame({
        "sensor_id": [7] * len(values), "observed_at_s": [NOON_S + 150 * n for n in range(len(values))],
        "lat": [57.1] * len(values), "lon": [-2.1] * len(values), "location": [3] * len(values),
        name: [float(value) for value in values], **others,
    })  # fmt: skip
    return hours_of(readings, MEASURE_BY_NAME[measure]).select("mean", "count", "flagged").rows()


def test_an_hour_is_the_mean_of_its_values():
    assert hours("pm10", 10, 11, 12) == [(11.0, 3, 0)]


def test_a_doubtful_value_is_left_out_and_counted():
    assert hours("pm10", 10, 1999.9, 20, -1) == [(15.0, 2, 2)]


def test_a_spike_is_left_out():
    assert hours("temperature", 10, 12, 30, 12, name="temperature")[0][1:] == (2, 2)


def test_a_dead_sensor_is_dead_from_the_fifth_low_value_on():
    assert hours("pm10", *[0.5] * (DEAD_COUNT + 2))[0][1:] == (DEAD_COUNT - 1, 3)


def test_more_fine_dust_than_dust_is_doubtful_in_both():
    assert hours("pm10", 10, 11, P2=[12.0, 5.0]) == [(11.0, 1, 1)]
    assert hours("pm25", 12, 5, name="P2", P1=[10.0, 11.0]) == [(5.0, 1, 1)]


def test_one_impossible_climate_value_spoils_its_siblings():
    assert hours("temperature", 10, 11, name="temperature", humidity=[50.0, 150.0]) == [(10.0, 1, 1)]


def test_pressure_is_repaired_where_it_came_in_hectopascal():
    assert hours("pressure", 101_000, 1012, name="pressure") == [(1011.0, 2, 0)]


def test_a_reading_that_comes_twice_counts_once(tmp_path):
    path = tmp_path / "2019-05-12_sds011_sensor_7.csv"
    row = "7;SDS011;3;57.100;-2.100;2019-05-12T12:00:00;10.0;5.0\n"
    path.write_text("sensor_id;sensor_type;location;lat;lon;timestamp;P1;P2\n" + row * 2 + "broken;row\n")

    found = hours_of(readings_in(path), MEASURE_BY_NAME["pm10"])

    assert found.select("sensor_id", "starts_at_s", "mean", "count", "location").rows() == [
        (7, NOON_S, 10.0, 1, 3)
    ]


def test_a_file_that_holds_no_readings_is_told(tmp_path):
    path = tmp_path / "notes_sensor_.csv"
    path.write_text("hello\n")

    with pytest.raises(BadInputError, match=r"notes_sensor_\.csv"):
        readings_in(path)

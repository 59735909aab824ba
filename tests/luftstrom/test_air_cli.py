"""The stored air for people and programs: whose, which, when, and in which form."""

import csv
import io
import json
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from contracts.errors import BadInputError
from contracts.measures import MEASURE_BY_NAME
from luftstrom import row_output
from luftstrom.__main__ import app
from luftstrom.series_screen import sparkline
from runtime.air_query import AirQuery, influxql, quoted, resolution_for
from runtime.influx_reader import InfluxReader
from runtime.sensor_stations import distance_km
from tests.luftstrom.stored_air import a_sensor_id, environment, this_hour_s, write_hours, write_values

DAY_S = 86_400
PM10 = MEASURE_BY_NAME["pm10"]


@pytest.mark.parametrize(
    ("span_s", "resolution"),
    [(60, "raw"), (2 * DAY_S, "raw"), (3 * DAY_S, "5m"), (15 * DAY_S, "1h"), (365 * DAY_S, "1d")],
)
def test_the_resolution_fits_the_span(span_s, resolution):
    assert resolution_for(span_s) == resolution


def test_a_query_asks_the_measurement_of_its_resolution():
    asked = AirQuery(measure=PM10, from_s=0, to_s=60, sensor_id=71, city="O'Hare")

    assert influxql(asked, "1h").startswith('SELECT "pm10_ug_m3_mean" AS "value"')
    assert """FROM "air_1h" WHERE "sensor_id" = '71' AND "city" = 'O\\'Hare' AND time >= 0s""" in influxql(
        asked, "1h"
    )


@pytest.mark.parametrize("given", [{}, {"sensor_id": 1, "to_s": 0}])
def test_a_query_of_nobody_or_no_time_is_refused(given):
    with pytest.raises(BadInputError):
        AirQuery(**{"measure": PM10, "from_s": 0, "to_s": 60, **given})


@given(text=st.text())
def test_a_foreign_text_never_ends_its_string(text):
    inside = quoted(text)[1:-1].replace("\\\\", "").replace("\\'", "")

    assert "'" not in inside
    assert "\\" not in inside


def test_a_sparkline_goes_from_the_lowest_to_the_highest_and_leaves_gaps():
    assert sparkline([0.0, None, 3.5, 7.0]) == "▁ ▅█"
    assert sparkline([2.0, 2.0]) == "▁▁"
    assert sparkline([None]) == " "


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [((0, 0), (0, 0), 0), ((0, 0), (0, 180), 20_015), ((57.15, -2.09), (55.95, -3.19), 149)],
)
def test_distances_are_those_of_the_globe(one, other, km):
    assert distance_km(*one, *other) == pytest.approx(km, abs=1)


def test_an_output_that_fails_leaves_nothing_behind(tmp_path):
    with pytest.raises(ZeroDivisionError), row_output.text_output(tmp_path / "a.csv") as out:
        out.write("half a row")
        raise ZeroDivisionError

    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def run(influx, tmp_path, monkeypatch):
    for name, value in environment(influx, tmp_path / "data").items():
        monkeypatch.setenv(name, value)

    def invoke(*arguments):
        return CliRunner().invoke(app, [str(each) for each in arguments], env={"COLUMNS": "200"})

    return invoke


@pytest.fixture
def sensor(influx):
    """An hour of values of a sensor, a minute apart."""
    sensor_id, from_s = a_sensor_id(), this_hour_s() - 2 * 3600
    write_values(influx, "pm10", sensor_id, [float(n) for n in range(60)], from_s=from_s, flags=4)
    # Rows of another measure at other seconds are not rows of this one.
    write_values(influx, "temperature", sensor_id, [7.5] * 60, from_s=from_s + 30)
    return sensor_id, from_s


@pytest.mark.integration
class TestQuery:
    def test_csv_has_every_value_oldest_first(self, run, sensor):
        sensor_id, from_s = sensor
        result = run("query", "pm10", "--sensor", sensor_id, "--as", "csv")

        assert result.exit_code == 0, result.output
        rows = list(csv.DictReader(io.StringIO(result.stdout)))
        assert [float(row["value"]) for row in rows] == list(range(60))
        assert rows[0] == {
            "time": row_output.iso(from_s), "sensor_id": str(sensor_id), "sensor_type": "SDS011",
            "country": "GB", "city": "Aberdeen", "value": "0", "flags": "4",
        }  # fmt: skip

    def test_json_begins_and_ends_where_it_is_told(self, run, sensor):
        sensor_id, from_s = sensor
        moments = (row_output.iso(from_s + 60), row_output.iso(from_s + 180))
        result = run(
            "query", "pm10", "--sensor", sensor_id, "--as", "json", "--from", moments[0], "--to", moments[1]
        )

        assert [row["value"] for row in json.loads(result.stdout)] == [1, 2]

    def test_parquet_carries_types_and_units(self, run, sensor, tmp_path):
        sensor_id, from_s = sensor
        path = tmp_path / "air.parquet"
        run("query", "pm10", "--sensor", sensor_id, "--as", "parquet", "-o", path)

        read = pl.read_parquet(path)
        assert read["value"].to_list() == [float(n) for n in range(60)]
        assert read["time"][0] == datetime.fromtimestamp(from_s, UTC)
        assert json.loads(pl.read_parquet_metadata(path)["luftstrom.units"]) == {"value": "µg/m³"}
        again = run("query", "pm10", "--sensor", sensor_id, "--as", "parquet", "-o", path)
        assert isinstance(again.exception, BadInputError)

    def test_a_table_shows_the_course(self, run, sensor):
        shown = run("query", "pm10", "--sensor", sensor[0], "--from", "3h").output

        assert "59.0" in shown
        assert "▁" in shown
        assert "█" in shown
        assert "the newest of them" in shown

    def test_a_long_span_shows_windows_and_finer_ones_where_there_are_none(self, run, influx, sensor):
        sensor_id, from_s = sensor
        wide = ("query", "pm10", "--sensor", sensor_id, "--from", "30d", "--as", "json")
        assert len(json.loads(run(*wide).stdout)) == 60

        write_hours(influx, "pm10", sensor_id, [3.0, 5.0], from_s=from_s - 7200)
        rows = json.loads(run(*wide).stdout)
        assert [(row["value"], row["min"], row["count"], row["flagged"]) for row in rows] == [
            (3, 2, 20, 1),
            (5, 4, 20, 1),
        ]
        assert len(json.loads(run(*wide, "--resolution", "raw").stdout)) == 60

    def test_a_place_is_all_its_sensors(self, run, influx):
        sensors, city = {a_sensor_id(), a_sensor_id()}, f"City, {a_sensor_id()}' \"="
        for sensor_id in sensors:
            write_values(influx, "pm10", sensor_id, [1.0], from_s=this_hour_s() - 60, city=city)
        result = run("query", "pm10", "--city", city, "--as", "json")

        assert {int(row["sensor_id"]) for row in json.loads(result.stdout)} == sensors

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("ozone", "--sensor", "1"), "pm10"),
            (("pm10",), "--sensor, --city"),
            (("pm10", "--sensor", "999999999"), "luftstrom stations"),
            (("pm10", "--city", "Nowhere'; DROP"), "luftstrom stations"),
            (("pm10", "--sensor", "1", "--as", "parquet"), "--output"),
            (("pm10", "--sensor", "1", "--from", "tomorrow"), "ISO time"),
        ],
    )
    def test_a_refusal_names_the_remedy(self, run, arguments, said):
        refused = run("query", *arguments).exception

        assert isinstance(refused, BadInputError)
        assert said in str(refused)

    def test_a_known_sensor_without_values_in_that_time_is_exit_code_1(self, run, sensor):
        assert run("query", "pm10", "--sensor", sensor[0], "--from", "20m", "--as", "csv").exit_code == 1


@pytest.mark.integration
class TestStations:
    def test_geojson_is_of_rounded_positions_longitude_first(self, run, influx):
        city = f"City {a_sensor_id()}"
        near, far = a_sensor_id(), a_sensor_id()
        write_values(influx, "pm10", near, [1.0], from_s=this_hour_s(), city=city, indoor=1)
        write_values(influx, "pm10", far, [1.0], from_s=this_hour_s(), city=city, lat=57.5, lon=-2.5)
        result = run("stations", "--city", city, "--near", "57.123", "-2.099", "--km", "5", "--as", "geojson")

        read = json.loads(result.stdout)
        assert read["type"] == "FeatureCollection"
        (feature,) = read["features"]
        assert feature["type"] == "Feature"
        assert feature["id"] == near
        assert feature["geometry"] == {"type": "Point", "coordinates": [-2.099, 57.123]}
        assert feature["properties"]["is_indoor"] is True

    def test_a_sensor_that_moved_is_where_it_was_last(self, run, influx):
        sensor_id, country = a_sensor_id(), "XK"
        for n, city in enumerate(("Old", "New")):
            write_values(
                influx, "pm10", sensor_id, [1.0], from_s=this_hour_s() - 3600 + n, city=city, country=country
            )
        rows = json.loads(run("stations", "--country", country, "--as", "json").stdout)

        assert [row["city"] for row in rows if row["sensor_id"] == sensor_id] == ["New"]

    def test_nobody_is_exit_code_1(self, run):
        assert run("stations", "--city", "Nowhere at all").exit_code == 1


@pytest.mark.integration
class TestExport:
    def test_a_day_holds_each_reading_once_with_units(self, run, influx, tmp_path):
        sensor_id = a_sensor_id()
        from_s = (this_hour_s() // DAY_S - 3) * DAY_S
        write_values(influx, "pm10", sensor_id, [1.0, 2.0], from_s=from_s, every_s=DAY_S - 1, flags=2)
        write_values(influx, "temperature", sensor_id, [7.5], from_s=from_s)
        write_values(influx, "pm10", sensor_id, [9.0, 9.0], from_s=from_s - 1, every_s=DAY_S + 1)
        day = f"{datetime.fromtimestamp(from_s, UTC):%Y-%m-%d}"
        result = run("export", "--day", day, "--into", tmp_path)

        assert result.exit_code == 0, result.output
        path = tmp_path / f"air-{day}.parquet"
        read = pl.read_parquet(path).filter(pl.col("sensor_id") == sensor_id)
        assert read.select("pm10_ug_m3", "temperature_c", "pm10_flags").rows() == [
            (1.0, 7.5, 2),
            (2.0, None, 2),
        ]
        assert json.loads(pl.read_parquet_metadata(path)["luftstrom.units"])["pm10_ug_m3"] == "µg/m³"
        assert [each.name for each in tmp_path.iterdir() if each.name != "data"] == [path.name]
        assert isinstance(run("export", "--day", day, "--into", tmp_path).exception, BadInputError)
        assert run("export", "--day", day, "--into", tmp_path, "--overwrite").exit_code == 0

    def test_a_day_without_readings_is_told_and_exit_code_1(self, run, tmp_path):
        result = run("export", "--from", "2001-01-01", "--to", "2001-01-02", "--into", tmp_path)

        assert result.exit_code == 1
        assert result.output.count(": 0 rows") == 2

    def test_one_day_or_several_are_named(self, run):
        assert run("export").exit_code == 2
        assert run("export", "--day", "2001-01-01", "--to", "2001-01-01").exit_code == 2


@pytest.mark.integration
def test_a_large_answer_comes_in_pieces(influx, sensor):
    reader = InfluxReader(url=influx.url, token=influx.read_token)
    chunks = list(
        reader.chunks("live", f"SELECT pm10_ug_m3 FROM air WHERE sensor_id = '{sensor[0]}'", size=25)
    )

    assert [len(chunk.values) for chunk in chunks] == [25, 25, 10]
    with pytest.raises(ValueError, match="refuses"):
        list(reader.chunks("live", "SELEKT"))

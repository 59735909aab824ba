"""Hours of stations in a CSV: what weather services publish, and what is wrong in it on its worst day."""

import gzip
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contracts.errors import BadInputError
from model_training.cli import app
from model_training.climates import CLIMATES, climate_folder, climates
from model_training.sources.stations import is_of_stations, station_hours
from model_training.tables import measures_in, read_data, read_hours

HEADER = "station,lat,lon,time,temperature,pressure\n"
NEW_YEAR_S = 1_483_228_800


def written(path, *lines, header=HEADER):
    path.write_text(header + "".join(f"{line}\n" for line in lines))
    return path


def hours(path):
    return {measure: table.sort("sensor_id", "starts_at_s") for measure, table in station_hours(path)}


def test_each_measure_has_its_hours_and_stations_are_numbered_by_name(tmp_path):
    found = hours(written(
        tmp_path / "ours.csv",
        "Valentia,51.938,-10.241,2017-01-01T00:00:00Z,8.2,1021.9",
        "Athenry,53.289,-8.786,2017-01-01T00:00:00Z,5.2,1022.0",
        "Athenry,53.289,-8.786,2017-01-01T01:00:00Z,,1022.5",
    ))  # fmt: skip

    assert found["temperature"].select("sensor_id", "starts_at_s", "mean", "lat", "lon").rows() == [
        (1, NEW_YEAR_S, 5.2, 53.289, -8.786),
        (2, NEW_YEAR_S, 8.2, 51.938, -10.241),
    ]
    assert found["pressure"]["mean"].to_list() == [1022.0, 1022.5, 1021.9]


def test_rows_of_one_hour_are_averaged_and_what_is_no_number_is_missing(tmp_path):
    found = hours(written(
        tmp_path / "ours.csv",
        "A,1,2,2017-01-01T00:10:00Z,4,n/a",
        "A,1,2,2017-01-01T00:50:00Z,6,NaN",
        "A,1,2,2017-01-01T01:00:00Z,-,1000",
    ))  # fmt: skip

    assert found["temperature"].select("starts_at_s", "mean").rows() == [(NEW_YEAR_S, 5.0)]
    assert found["pressure"].select("starts_at_s", "mean").rows() == [(NEW_YEAR_S + 3600, 1000.0)]


@pytest.mark.parametrize(
    "line",
    ["A,1,2,yesterday,4,1000", "A,1,2,02/01/2017 00:00,4,1000", "A,1,2,,4,1000",
     "A,91,2,2017-01-01T00:00:00Z,4,1000", "A,,2,2017-01-01T00:00:00Z,4,1000",
     ",1,2,2017-01-01T00:00:00Z,4,1000"],
)  # fmt: skip
def test_a_line_without_its_time_or_place_is_named(tmp_path, line):
    path = written(tmp_path / "ours.csv", "A,1,2,2017-01-01T00:00:00Z,4,1000", line)

    with pytest.raises(BadInputError, match=r"ours\.csv, line 3: wants a station, a time such as"):
        hours(path)


def test_a_time_may_name_its_zone_and_is_utc_where_it_does_not(tmp_path):
    found = hours(written(
        tmp_path / "ours.csv",
        "A,1,2,2017-01-01T01:00:00+01:00,4,1000",
        "B,1,2,2017-01-01T00:00:00+00:00,5,1000",
    ))  # fmt: skip
    plain = hours(written(tmp_path / "plain.csv", "A,1,2,2017-01-01 00:00,4,1000"))

    assert found["temperature"]["starts_at_s"].to_list() == [NEW_YEAR_S, NEW_YEAR_S]
    assert plain["temperature"]["starts_at_s"].to_list() == [NEW_YEAR_S]


def test_pascals_are_told_from_hectopascals(tmp_path):
    path = written(tmp_path / "ours.csv", "A,1,2,2017-01-01T00:00:00Z,4,101325")

    with pytest.raises(BadInputError, match=r"pressure is 101325\.0 in the middle; wants hPa"):
        hours(path)


def test_a_table_without_measures_says_so(tmp_path):
    path = written(tmp_path / "ours.csv", "A,1,2,2017-01-01T00:00:00Z", header="station,lat,lon,time\n")

    with pytest.raises(BadInputError, match="no column beside station, lat, lon, time"):
        hours(path)


def test_other_files_are_none_of_stations(tmp_path):
    archive = written(tmp_path / "2019_sds011_sensor_7.csv", header="sensor_id;lat;lon;timestamp;P1\n")

    assert not is_of_stations(archive)
    assert not is_of_stations(written(tmp_path / "empty.csv", header=""))
    assert not is_of_stations(tmp_path)


def test_fetch_takes_a_compressed_one(tmp_path):
    path = tmp_path / "ours.csv.gz"
    path.write_bytes(gzip.compress((HEADER + "A,1,2,2017-01-01T00:00:00Z,4,1000\n").encode()))

    done = CliRunner().invoke(app, ["fetch", str(path), "--out", str(tmp_path / "tables")])

    assert done.exit_code == 0, done.output
    assert read_hours(tmp_path / "tables", "temperature")["mean"].to_list() == [4.0]


def test_the_climates_that_come_with_us_can_be_learnt_from():
    for name in climates():
        for measure in measures_in(CLIMATES / name):
            table = read_data(CLIMATES / name, measure, covariates=()).table
            assert table.hours > 365 * 24
            assert len(table.values) > 5
    assert {"europe", "london"} <= set(climates())


def test_a_climate_is_taken_by_its_name_and_a_folder_by_its_own(tmp_path):
    own = tmp_path / "europe"
    own.mkdir()

    assert climate_folder(Path("europe")) == CLIMATES / "europe"
    assert climate_folder(own) == own

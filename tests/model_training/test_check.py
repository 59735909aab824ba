"""`check`: the champions that come with the code, on a city that they never saw."""

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from model_training.cli import app
from model_training.tables import read_hours, write_hours
from tests.model_training.builders import write_weather

RUN = CliRunner()


@pytest.fixture
def tables(tmp_path):
    folder = tmp_path / "tables"
    write_weather(folder, sensors=(1, 2, 3))
    return folder


def checked(*arguments):
    return RUN.invoke(app, ["check", *map(str, arguments)])


def test_a_city_without_pressure_is_checked_by_what_it_has(tables):
    found = checked("--data", tables)

    assert found.exit_code == 0, found.output
    assert "temperature: " in found.output
    assert "humidity: " in found.output
    assert "of them by the network" in found.output
    assert "skill in MASE over " in found.output


def test_holes_of_weeks_and_a_sensor_of_one_day_break_nothing(tables):
    whole = read_hours(tables, "temperature")
    day = (pl.col("starts_at_s") - whole["starts_at_s"].min()) // 86_400
    holed = whole.filter(~day.is_between(25, 45) & ((pl.col("sensor_id") != 3) | (day == 60)))
    write_hours(tables, "temperature", holed)

    found = checked("--data", tables)

    assert found.exit_code == 0, found.output
    assert "nan" not in found.output.lower()


def test_a_measure_of_a_few_days_is_told_and_the_others_go_on(tables):
    whole = read_hours(tables, "temperature")
    write_hours(
        tables, "temperature", whole.filter(pl.col("starts_at_s") < whole["starts_at_s"].min() + 9 * 86_400)
    )

    found = checked("--data", tables)

    assert found.exit_code == 0, found.output
    assert "temperature is left out: too_little_data: " in found.output
    assert "humidity: " in found.output


def test_files_of_the_archive_are_fetched_and_checked_at_once(tmp_path):
    archive = tmp_path / "archive"
    archive.mkdir()
    random = np.random.default_rng(5)
    for sensor in (11, 12):
        minutes = np.arange(0, 20 * 24 * 60, 10)
        values = 47 + 3 * np.sin(2 * np.pi * minutes / 1440) + random.normal(0, 0.2, len(minutes))
        moments = np.datetime64("2026-01-01T00:00:00") + minutes.astype("timedelta64[m]")
        rows = [f"{sensor};DHT22;{sensor};-1.29;36.8{sensor};{moment};{value:.2f};60.0" for moment, value in
                zip(moments.astype(str), values, strict=True)]  # fmt: skip
        head = "sensor_id;sensor_type;location;lat;lon;timestamp;temperature;humidity"
        (archive / f"2026-01_dht22_sensor_{sensor}.csv").write_text("\n".join([head, *rows]))

    found = checked(archive)

    assert found.exit_code == 0, found.output
    assert "temperature: 960 hours of 2 sensors" in found.output
    assert "all by its blend" in found.output


def test_where_nothing_can_be_checked_it_says_so(tmp_path):
    write_hours(
        tmp_path,
        "co",
        pl.DataFrame(
            {"sensor_id": [1], "starts_at_s": [0], "mean": [1.0], "count": [9], "lat": [0.0], "lon": [0.0]}
        ),
    )

    found = checked("--data", tmp_path)

    assert found.exit_code != 0
    assert "co is left out: no_champion" in found.output
    assert "nothing_checked" in str(found.exception)

"""The predictor as a process, on a real broker and a real InfluxDB of its own."""

import time

import numpy as np
import pytest

from app_predict.hourly_source import HourlySource
from forecasting.bundle import CARD_FILE
from forecasting.card import encoded_card
from forecasting.folder_store import FolderStore
from forecasting.hourly_table import HOUR_S, hourly_table
from forecasting.registry import ModelRegistry
from local_stack.single import running_influxd
from tests.app_predict.hours import HOURS, joined, rows_of
from tests.app_predict.predictor_process import PredictorProcess, Topics, wait_until
from tests.forecasting.builders import a_blend_card, a_card, a_daily_wave
from tests.model_training.hours_in_servers import store_hours

pytestmark = pytest.mark.integration

SENSORS = 10
FIRST_SENSOR = 77_000_001
IDS = frozenset(range(FIRST_SENSOR, FIRST_SENSOR + SENSORS))


@pytest.fixture(scope="module")
def issued_at_s():
    return int(time.time() - 20 * 60) // HOUR_S * HOUR_S


@pytest.fixture(scope="module")
def rows(issued_at_s):
    """Eight days of two measures, with gaps, a thin hour and a sensor that has just moved."""
    wave = a_daily_wave(SENSORS, HOURS).round(3)
    wave[3, 20:150] = np.nan
    starts_at_s = issued_at_s - HOURS * HOUR_S
    dust = rows_of(wave, starts_at_s=starts_at_s, first_sensor=FIRST_SENSOR)
    dust.count[dust.sensor_id == FIRST_SENSOR + 4] = 3
    moved = (dust.sensor_id == FIRST_SENSOR + 5) & (dust.starts_at_s < issued_at_s - 30 * HOUR_S)
    dust.lat[moved] += 1.0
    warmth = rows_of(
        wave / 2, measure="temperature", starts_at_s=starts_at_s, first_sensor=FIRST_SENSOR + 100
    )
    return joined(dust, warmth)


@pytest.fixture(scope="module")
def store(tmp_path_factory, rows):
    with running_influxd(tmp_path_factory.mktemp("influxd")) as server:
        store_hours(server, rows)
        yield server


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Its champion of dust is a blend; temperature has none."""
    registry = ModelRegistry(FolderStore(tmp_path_factory.mktemp("models")))
    card = a_card(kind="blend", baseline=a_blend_card())
    registry.add(card, {CARD_FILE: encoded_card(card)})
    pointer = registry.pointer_to("pm25", card.version, at_s=0, by="test", reason="test")
    registry.point("pm25", pointer)
    return registry


@pytest.fixture
def topics(kafka):
    topics = Topics(kafka)
    yield topics
    topics.close()


@pytest.fixture
def predictor(kafka, store, registry, tmp_path):
    process = PredictorProcess(
        kafka=kafka, influx=store, folder=tmp_path, registry=registry.place, measures="pm25,temperature"
    )
    yield process
    if hasattr(process, "process"):
        process.kill()


def test_the_store_gives_back_the_rows_that_were_written(store, rows, issued_at_s):
    source = HourlySource(store.url, lambda: store.read_token)
    starts_at_s = issued_at_s - HOURS * HOUR_S
    read = joined(*source.rows(("pm25", "temperature"), starts_at_s=starts_at_s, hours=HOURS))

    made = [
        hourly_table(each, "pm25", covariates=("temperature",), starts_at_s=starts_at_s, hours=HOURS)
        for each in (read, rows)
    ]
    counts = source.sensors_by_hour(("pm25",), starts_at_s=issued_at_s - HOUR_S, hours=1)

    assert np.array_equal(made[0].sensor_ids, made[1].sensor_ids)
    assert np.array_equal(made[0].values, made[1].values, equal_nan=True)
    assert np.array_equal(
        made[0].covariates["temperature"], made[1].covariates["temperature"], equal_nan=True
    )
    assert counts == [SENSORS]
    assert source.tags_by_sensor[FIRST_SENSOR].city == "Aberdeen"


def test_an_hour_is_issued_once_and_says_what_a_backtest_of_the_same_hours_would(
    predictor, topics, rows, registry, issued_at_s
):
    predictor.start()
    wait_until(lambda: len(topics.forecasts(IDS)) >= SENSORS - 1)
    wait_until(predictor.is_ready)
    assert 'app_predict_forecasts_issued_total{measure="pm25",method="blend"} 9.0' in predictor.metrics()
    exit_code, stop_s = predictor.stop()
    again, _ = predictor.run("--once")

    starts_at_s = issued_at_s - HOURS * HOUR_S
    table = hourly_table(rows, "pm25", covariates=(), starts_at_s=starts_at_s, hours=HOURS).where_they_are()
    expected = registry.load_champion("pm25").predict(table)
    published = {each.sensor_id: each for each in topics.forecasts(IDS)}
    assert (exit_code, again, stop_s < 10) == (0, 0, True)
    assert len(topics.forecasts(IDS)) == SENSORS - 1  # the thin hours of one are none
    for sensor_id, method, quantiles in zip(
        expected.sensor_ids.tolist(), expected.methods, expected.quantiles, strict=True
    ):
        assert published[sensor_id].method == method
        assert published[sensor_id].issued_at_s == issued_at_s
        assert np.abs(np.array(published[sensor_id].quantiles) - quantiles).max() < 1e-3


def test_a_dry_run_prints_a_row_a_sensor_and_publishes_nothing(predictor, topics):
    exit_code, printed = predictor.run("--dry-run")

    rows = [line for line in printed.splitlines() if line.startswith("Aberdeen, GB")]
    assert exit_code == 0
    assert len(rows) == 2 * SENSORS - 1
    assert "°C" in printed
    assert not topics.forecasts(IDS)

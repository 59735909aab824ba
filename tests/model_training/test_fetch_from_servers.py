"""One hour, three ways: what is served from InfluxDB is what a back-test says of a table that was fetched."""

import time
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from msgspec import structs
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from contracts.forecasts import Method
from forecasting.hourly_table import HOUR_S
from forecasting.registry import ModelRegistry
from local_stack.single import running_influxd
from model_training.backtesting import backtest
from model_training.cli import app
from model_training.commands import bundles, export, make_ready
from model_training.protocols import Protocol
from model_training.tables import read_hours
from runtime.object_store import ObjectStore
from tests.app_predict.hours import joined, rows_of
from tests.app_predict.predictor_process import PredictorProcess, Topics
from tests.model_training.hours_in_servers import aggregates, publish_hours, store_hours
from tests.model_training.test_champions import CHAMPIONS

pytestmark = pytest.mark.integration

MEASURES = ("temperature", "humidity", "pressure")
DAYS, SENSORS, FIRST_SENSOR = 16, 12, 78_000_001
IDS = range(FIRST_SENSOR, FIRST_SENSOR + SENSORS)
HOT, NEW, MOVED, SILENT = 1, 2, 3, 4  # of the sensors, by their place
LEVEL_AND_HEIGHT = {"temperature": (8.0, 4.0), "humidity": (75.0, -12.0), "pressure": (1008.0, 1.0)}


@pytest.fixture(scope="module")
def issued_at_s():
    return int(time.time() - 20 * 60) // HOUR_S * HOUR_S


@pytest.fixture(scope="module")
def rows(issued_at_s):
    """Sixteen days of climate before the hour and one day after it; each kind of sensor among them."""
    starts_at_s = issued_at_s - DAYS * 24 * HOUR_S
    parts = [
        rows_of(weather(measure), measure=measure, starts_at_s=starts_at_s, first_sensor=FIRST_SENSOR)
        for measure in MEASURES
    ]
    whole = joined(*parts)
    is_old = (whole.sensor_id == FIRST_SENSOR + MOVED) & (whole.starts_at_s < issued_at_s - 30 * HOUR_S)
    whole.lat[is_old] += 1.0
    return whole


def weather(measure):
    random, hours = np.random.default_rng(len(measure)), np.arange((DAYS + 1) * 24)
    level, height = LEVEL_AND_HEIGHT[measure]
    slow = np.cumsum(random.normal(0, abs(height) / 20, len(hours)))
    values = level + height * np.sin(2 * np.pi * (hours - 9) / 24) + slow
    values = values + random.normal(0, abs(height) / 30, (SENSORS, len(hours)))
    values[:, 100:103] = np.nan
    if measure == "temperature":
        values[HOT] += 45.0
    values[NEW, : DAYS * 24 - 60] = np.nan
    values[SILENT, DAYS * 24 - 40 : DAYS * 24 - 12] = np.nan
    return values.round(2)


@pytest.fixture(scope="module")
def store(tmp_path_factory, rows):
    with running_influxd(tmp_path_factory.mktemp("influxd")) as server:
        store_hours(server, rows)
        yield server


@pytest.fixture
def fetch(monkeypatch, tmp_path):
    """`luftstrom train fetch` from a server; the folder of the tables."""

    def fetched(source, *options, **settings):
        for name, value in settings.items():
            monkeypatch.setenv(f"MODEL_TRAINING_{name.upper()}", str(value))
        out = tmp_path / source
        result = CliRunner().invoke(app, ["fetch", "--from", source, "--out", str(out), *options])
        assert result.exit_code == 0, result.output
        return out

    return fetched


@pytest.fixture
def fetch_store(fetch, store, tmp_path):
    token_file = tmp_path / "reader.token"
    token_file.write_text(store.read_token)
    return lambda *options: fetch("influx", *options, influx_url=store.url, influx_token_file=token_file)


def own(folder, measure):
    return read_hours(folder, measure).filter(pl.col("sensor_id").is_in(list(IDS)))


def test_the_store_and_the_log_give_the_same_tables_and_a_replayed_hour_counts_once(
    fetch, fetch_store, kafka, rows, issued_at_s
):
    past = rows.where(rows.starts_at_s < issued_at_s)
    messages = list(aggregates(past))
    wrong = [structs.replace(each, mean=-1.0) for each in messages[:100]]
    publish_hours(kafka, [*wrong, *messages])
    span = ("--since", iso(issued_at_s - DAYS * 24 * HOUR_S), "--until", iso(issued_at_s))
    from_log = fetch("kafka", *span, kafka_bootstrap_servers=kafka.bootstrap_servers)
    from_store = fetch_store(*span)

    for measure in MEASURES:
        stored = own(from_store, measure)
        assert len(stored) == (past.measure == measure).sum()
        assert_frame_equal(stored, own(from_log, measure))


def iso(at_s):
    return datetime.fromtimestamp(at_s, UTC).isoformat()


@pytest.fixture
def champions_at_s3(s3, tmp_path):
    """The champion that comes with the code, exported to a store; the settings that lead there."""
    target = ModelRegistry(ObjectStore(s3.bucket, tmp_path.name, s3.access()))
    export(CHAMPIONS, "temperature", CHAMPIONS.champion("temperature").version, target)
    secret_file = tmp_path / "s3.secret"
    secret_file.write_text(s3.secret_key)
    return {
        "registry": target.place, "s3_endpoint": s3.endpoint, "s3_access_key_id": s3.access_key_id,
        "s3_secret_key_file": secret_file,
    }  # fmt: skip


def test_what_is_served_from_the_store_is_what_a_backtest_says_of_the_same_hours(
    fetch_store, store, kafka, champions_at_s3, issued_at_s, tmp_path
):
    topics = Topics(kafka)
    predictor = PredictorProcess(
        kafka=kafka, influx=store, folder=tmp_path, measures="temperature", **champions_at_s3
    )
    exit_code, _ = predictor.run("--once")
    served = {each.sensor_id: each for each in topics.forecasts(frozenset(IDS))}
    topics.close()

    champion = bundles(CHAMPIONS, "temperature", ["champion"])
    ready = make_ready(fetch_store(), "temperature", only_origin(issued_at_s))
    tested = backtest(ready, champion)
    (said,) = (tested.quantiles[name] for name in champion)

    assert exit_code == 0
    assert {each.method for each in served.values()} >= {Method.RNN, Method.RNN_COLD, Method.BLEND}
    assert set(tested.sensor_ids.tolist()) == served.keys()
    for sensor_id, quantiles in zip(tested.sensor_ids.tolist(), said, strict=True):
        assert served[sensor_id].issued_at_s == issued_at_s
        assert np.abs(np.array(served[sensor_id].quantiles) - quantiles).max() < 1e-3, sensor_id


def only_origin(issued_at_s):
    """A protocol whose test is of this hour alone, and whose validation is too near to repair its bands."""
    return Protocol(
        train_until_s=issued_at_s - 25 * HOUR_S,
        validate_until_s=issued_at_s,
        test_until_s=issued_at_s + 24 * HOUR_S,
        leave_out="none",
    )

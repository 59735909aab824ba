"""The API: what it answers from a real store, and what it refuses."""

import pytest
from fastapi.testclient import TestClient

from contracts.errors import UnavailableError
from contracts.forecasts import HORIZON_H, Forecast, Method
from contracts.stored import QUANTILE_FIELDS
from contracts.topics import FORECASTS
from live_page.answer_cache import AnswerCache
from live_page.api import api
from runtime.clock import SettableClock, SystemClock
from runtime.influx_store import InfluxReader
from tests.luftstrom.stored_air import a_sensor_id, this_hour_s, write, write_values


class DownStore:
    def query(self, *_asked):
        raise UnavailableError("no answer from http://secret.address")


def a_forecast(sensor_id, city, issued_at_s):
    quantiles = [float(n) for n in range(len(QUANTILE_FIELDS))]
    return Forecast(
        sensor_id=sensor_id, measure="pm10", issued_at_s=issued_at_s, method=next(iter(Method)), model="m1",
        quantiles=[quantiles] * HORIZON_H, sensor_type="SDS011", country="GB", city=city,
    )  # fmt: skip


def client_of(influx):
    return TestClient(api(influx, clock=SystemClock(), cache_s=10.0, cache_answers=8))


@pytest.fixture
def down():
    return client_of(DownStore())


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/api/series?measure=pm10", 400, "sensor"),
        ("/api/series?measure=nothing&sensor=1", 400, "pm10"),
        ("/api/series?measure=pm10&sensor=1&from_s=0&to_s=4000000000", 400, "at most"),
        ("/api/series?measure=pm10&sensor=1&from_s=60&to_s=60", 400, "before"),
        ("/api/series?sensor=1", 422, "measure"),
        ("/api/stations?near=here", 400, "latitude"),
        ("/api/stations?near=91,0", 400, "latitude"),
        ("/api/stations?near=1,1&km=501", 422, "km"),
    ],
)
def test_a_bad_question_is_a_problem_that_names_the_remedy(down, path, status, word):
    answer = down.get(path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert word in answer.json()["detail"]


def test_a_store_that_is_down_is_503_and_its_address_is_nobodys_business(down):
    answer = down.get("/api/stations")

    assert answer.status_code == 503
    assert "secret" not in answer.text


def test_no_page_of_it_loads_from_elsewhere(down):
    assert down.get("/docs").status_code == 404
    assert set(down.get("/openapi.json").json()["paths"]) >= {"/api/stations", "/api/series", "/api/forecast"}


def test_an_answer_is_kept_until_it_is_old():
    clock, asked = SettableClock(), []
    cache = AnswerCache(age_s=10.0, answers_max=8, clock=clock)

    def ask():
        asked.append(1)
        return len(asked)

    assert [cache.get("a", ask), cache.get("a", ask)] == [1, 1]
    clock.advance(10.0)
    assert cache.get("a", ask) == 2


def test_the_oldest_answer_goes_when_there_are_too_many():
    cache = AnswerCache(age_s=10.0, answers_max=1, clock=SettableClock())
    cache.get("a", lambda: 1)
    cache.get("b", lambda: 2)

    assert cache.get("a", lambda: 3) == 3


@pytest.mark.integration
class TestOnRealStore:
    def test_a_station_its_series_and_its_forecast(self, influx, reader):
        sensor_id = a_sensor_id()
        city, hour_s = f"City {sensor_id}", this_hour_s()
        write_values(influx, "pm10", sensor_id, [4.0, 6.0], from_s=hour_s - 3600, city=city)
        write(influx, FORECASTS, [a_forecast(sensor_id, city, hour_s)])
        client = client_of(reader)

        (feature,) = client.get("/api/stations.geojson", params={"city": city}).json()["features"]
        series = client.get("/api/series", params={"measure": "pm10", "sensor": sensor_id}).json()
        rows = client.get("/api/forecast", params={"measure": "pm10", "city": city}).json()["rows"]

        assert feature["geometry"]["coordinates"] == [-2.099, 57.123]
        assert [row["value"] for row in series["rows"]] == [4.0, 6.0]
        # An hour may have turned since.
        assert len(rows) >= HORIZON_H - 1
        assert rows[-1]["time"] == hour_s + (HORIZON_H - 1) * 3600
        assert [rows[-1][name] for name in QUANTILE_FIELDS] == [float(n) for n in range(len(QUANTILE_FIELDS))]
        assert (rows[-1]["issued_at"], rows[-1]["model"]) == (hour_s, "m1")

    def test_what_is_known_already_is_not_sent_again(self, influx, reader):
        sensor_id = a_sensor_id()
        write_values(influx, "pm10", sensor_id, [4.0], from_s=this_hour_s() - 3600)
        client, params = client_of(reader), {"measure": "pm10", "sensor": sensor_id}
        first = client.get("/api/series", params=params)
        again = client.get("/api/series", params=params, headers={"If-None-Match": first.headers["etag"]})

        assert first.status_code == 200
        assert (again.status_code, again.content) == (304, b"")


@pytest.fixture
def reader(influx):
    return InfluxReader(url=influx.url, token=influx.read_token)

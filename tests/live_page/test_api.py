"""The API: what it answers from a real store, and what it refuses."""

import re
import time

import pytest
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry

from contracts.errors import UnavailableError
from contracts.flags import Flag
from contracts.forecasts import HORIZON_H, Forecast, Method
from contracts.measures import MEASURE_BY_NAME
from contracts.stored import QUANTILE_FIELDS
from contracts.topics import FORECASTS
from live_page.answer_cache import AnswerCache
from live_page.api import api
from live_page.metrics import Metrics
from live_page.page_files import FOLDER
from runtime.clock import SettableClock, SystemClock
from runtime.health import Health, serving_health
from runtime.influx_reader import InfluxReader
from tests.luftstrom.stored_air import a_sensor_id, this_hour_s, write, write_values


class DownStore:
    def query(self, *_asked):
        raise UnavailableError("no answer from http://secret.address")


def a_forecast(sensor_id, city, issued_at_s, measure="pm10"):
    quantiles = [float(n) for n in range(len(QUANTILE_FIELDS))]
    return Forecast(
        sensor_id=sensor_id, measure=measure, issued_at_s=issued_at_s, method=next(iter(Method)), model="m1",
        quantiles=[quantiles] * HORIZON_H, sensor_type="SDS011", country="GB", city=city,
    )  # fmt: skip


def client_of(influx, **given):
    metrics = Metrics(CollectorRegistry())
    options = {"clock": SystemClock(), "cache_s": 10.0, "cache_answers": 8, "url_by_process": {}, **given}
    return TestClient(api(influx, metrics, **options))


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


PAGES = sorted(path.name for path in FOLDER.glob("*.*"))


@pytest.mark.parametrize("name", PAGES)
def test_no_page_of_it_loads_from_elsewhere(down, name):
    answer = down.get(f"/page/{name}")

    assert answer.headers["content-security-policy"].startswith("default-src 'self'; img-src 'self' data:;")
    # Links that a person may follow are no loads; the name space of SVG is no address.
    loaded = re.findall(
        r"(?:src|url\(|import .* from|<link[^>]* href)[=(\s\"']*(https?://[^\"')\s]*)", answer.text
    )
    assert loaded == []


@pytest.mark.parametrize(("path", "word"), [("/", "<title>Luftstrom"), ("/docs", "openapi.json")])
def test_there_is_a_page_and_a_description_of_the_api(down, path, word):
    assert word in down.get(path).text


def test_the_api_describes_itself(down):
    paths = {"/api/about", "/api/now", "/api/stations", "/api/series", "/api/forecast", "/api/health"}

    assert set(down.get("/openapi.json").json()["paths"]) >= paths


def test_tiles_are_loaded_from_where_they_were_set_to_come_and_from_nowhere_else():
    client = client_of(DownStore(), tiles_url="https://tiles.example/{z}/{x}/{y}.png")

    assert "img-src 'self' data: https://tiles.example;" in client.get("/").headers["content-security-policy"]


def test_answers_are_counted_by_path_and_a_path_that_is_not_there_has_no_name_of_its_own():
    registry = CollectorRegistry()
    app = api(
        DownStore(), Metrics(registry), clock=SystemClock(), cache_s=1.0, cache_answers=8, url_by_process={}
    )
    client = TestClient(app)
    for path in ("/docs", "/api/stations", "/nothing/1", "/nothing/2"):
        client.get(path)

    def answers(path, status):
        return registry.get_sample_value("live_page_requests_total", {"path": path, "status": status})

    assert answers("/docs", "200") == 1
    assert answers("/api/stations", "503") == 1
    assert answers("other", "404") == 2


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

    def test_every_measure_is_explained_with_the_bands_of_the_index(self, influx, reader):
        write_values(influx, "pm10", a_sensor_id(), [4.0], from_s=this_hour_s())
        about = client_of(reader, tiles_url="https://tiles.example/{z}/{x}/{y}").get("/api/about").json()
        measures = {measure["name"]: measure for measure in about["measures"]}

        assert about["tiles_url"] == "https://tiles.example/{z}/{x}/{y}"
        assert set(measures) == set(MEASURE_BY_NAME)
        assert measures["pm10"]["is_stored"]
        assert [band["up_to"] for band in measures["pm25"]["bands"]] == [5.0, 15.0, 50.0, 90.0, 140.0, None]
        assert measures["temperature"]["bands"] == []

    def test_the_last_value_of_each_sensor_has_its_doubts_and_a_rounded_position(self, influx, reader):
        good, doubted = a_sensor_id(), a_sensor_id()
        city, from_s = f"City {good}", int(time.time()) - 120
        write_values(influx, "pm10", good, [4.0, 6.0], from_s=from_s, city=city)
        write_values(influx, "pm10", doubted, [1999.9], from_s=from_s, city=city, flags=int(Flag.SATURATED))

        answer = client_of(reader).get("/api/now", params={"measure": "pm10", "city": city}).json()

        assert answer["unit"] == "µg/m³"
        assert [(row["sensor_id"], row["value"], row["flags"]) for row in answer["rows"]] == [
            (good, 6.0, 0),
            (doubted, 1999.9, 2),
        ]
        assert (answer["rows"][0]["lat"], answer["rows"][0]["lon"]) == (57.123, -2.099)

    def test_health_tells_the_newest_value_the_newest_forecast_and_who_is_not_ready(self, influx, reader):
        sensor_id, hour_s, now_s = a_sensor_id(), this_hour_s(), int(time.time())
        write_values(influx, "pm10", sensor_id, [4.0], from_s=now_s - 30)
        write(influx, FORECASTS, [a_forecast(sensor_id, "City", hour_s)])
        health = Health()
        health.unready("no broker")
        with serving_health(health, CollectorRegistry(), port=0) as port:
            watched = {"scraper": f"http://127.0.0.1:{port}/readyz", "gone": "http://127.0.0.1:9/readyz"}
            answer = client_of(reader, url_by_process=watched).get("/api/health").json()

        assert answer["newest_at_s"] >= now_s - 30
        assert answer["issued_at_s"] >= hour_s
        assert answer["processes"] == [
            {"name": "scraper", "is_ready": False, "because": "no broker"},
            {"name": "gone", "is_ready": False, "because": "does not answer"},
        ]
        assert answer["is_well"] is False

    def test_a_token_that_was_rotated_is_read_again(self, influx):
        reader = InfluxReader(url=influx.url, token="old", token_now=lambda: influx.read_token)

        assert client_of(reader).get("/api/stations").status_code == 200

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

"""The store of points: the real one and its twin in memory keep the same promises."""

import re
import time
import uuid
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from contracts.errors import UnavailableError
from contracts.measure_values import MeasureValue
from contracts.measures import MEASURE_BY_NAME
from contracts.points import value_lines
from contracts.stored import LIVE_BUCKET, LIVE_RETENTION_S, ORG
from runtime.influx_reader import InfluxReader
from runtime.influx_store import InfluxPointStore, gzip_level
from runtime.memory_store import MemoryPointStore
from runtime.store_interface import WriteRefusedError

NOW_S = int(time.time())


class MemoryPoints:
    """The twin, and what lies in it."""

    def __init__(self):
        self.store = MemoryPointStore()

    def fields(self, series, time_s):
        return self.store.points.get((series, time_s), {})


class InfluxPoints:
    """The real store, and what lies in it."""

    def __init__(self, influx):
        self.store = InfluxPointStore(url=influx.url, org=ORG, bucket=LIVE_BUCKET, token=influx.write_token)
        self.reader = InfluxReader(url=influx.url, token=influx.read_token)

    def fields(self, series, time_s):
        measurement, *tags = series.split(",")
        conditions = " AND ".join(re.sub("=(.*)", r"='\1'", tag) for tag in tags)
        rows = self.reader.query(
            LIVE_BUCKET, f"SELECT * FROM {measurement} WHERE {conditions} AND time = {time_s}s"
        )
        names = {tag.split("=")[0] for tag in tags} | {"time"}
        return {name: v for row in rows for name, v in row.items() if name not in names and v is not None}


@pytest.fixture(params=["memory", pytest.param("influx", marks=pytest.mark.integration)])
def points(request):
    if request.param == "memory":
        yield MemoryPoints()
        return
    real = InfluxPoints(request.getfixturevalue("influx"))
    with closing(real.store):
        yield real


@pytest.fixture
def measurement():
    """A measurement of its own, for the type of a field is fixed by its first point."""
    return f"test_{uuid.uuid4().hex}"


def test_points_are_stored(points, measurement):
    points.store.write([f"{measurement},s=1 a=1.5,b=2i {NOW_S}", f"{measurement},s=2 a=-2e-07 {NOW_S}"])

    assert points.fields(f"{measurement},s=1", NOW_S) == {"a": 1.5, "b": 2}
    assert points.fields(f"{measurement},s=2", NOW_S) == {"a": -2e-07}


def test_fields_of_one_series_and_time_merge(points, measurement):
    points.store.write([f"{measurement},s=1 a=1.0 {NOW_S}"])
    points.store.write([f"{measurement},s=1 b=2.0 {NOW_S}"])

    assert points.fields(f"{measurement},s=1", NOW_S) == {"a": 1.0, "b": 2.0}


def test_a_repeat_overwrites(points, measurement):
    points.store.write([f"{measurement},s=1 a=1.0 {NOW_S}"])
    points.store.write([f"{measurement},s=1 a=3.0 {NOW_S}", f"{measurement},s=1 a=4.0 {NOW_S}"])

    assert points.fields(f"{measurement},s=1", NOW_S) == {"a": 4.0}


def test_no_lines_are_taken(points):
    points.store.write([])


def test_a_bad_line_is_named_and_nothing_is_stored(points, measurement):
    bad = [f"{measurement},s=1 a=nan {NOW_S}", "it's no line"]

    with pytest.raises(WriteRefusedError) as refused:
        points.store.write([f"{measurement},s=1 a=1.0 {NOW_S}", *bad])

    assert refused.value.status == 400
    for line in bad:
        assert f"unable to parse '{line}': ".encode() in refused.value.body
    assert points.fields(f"{measurement},s=1", NOW_S) == {}


def test_a_field_of_another_type_is_not_named_and_the_others_are_stored(points, measurement):
    points.store.write([f"{measurement},s=1 a=1.0 {NOW_S}"])

    with pytest.raises(WriteRefusedError) as refused:
        points.store.write([f"{measurement},s=2 a=2.0 {NOW_S}", f"{measurement},s=3 a=3i {NOW_S}"])

    assert refused.value.status == 422
    assert b'"code":"unprocessable entity"' in refused.value.body
    assert points.fields(f"{measurement},s=2", NOW_S) == {"a": 2.0}
    assert points.fields(f"{measurement},s=3", NOW_S) == {}


def test_no_answer_is_unavailable(points):
    if isinstance(points, MemoryPoints):
        points.store.is_available = False
        store = points.store
    else:
        store = InfluxPointStore(url="http://127.0.0.1:1", org=ORG, bucket=LIVE_BUCKET, token="any")

    with pytest.raises(UnavailableError):
        store.write(["m a=1.0 1"])


@pytest.mark.parametrize(
    ("url", "level"),
    [
        ("http://127.0.0.1:8086", 0),
        ("http://localhost:8086", 0),
        ("https://[::1]:8086", 0),
        ("http://influxdb:8086", 1),
        ("https://127.0.0.1.example.org", 1),
    ],
)
def test_only_what_leaves_the_machine_is_compressed(url, level):
    assert gzip_level(url) == level


@pytest.mark.integration
def test_a_point_outside_retention_is_refused(influx, measurement):
    points = InfluxPoints(influx)
    too_old = NOW_S - LIVE_RETENTION_S - 3600

    with pytest.raises(WriteRefusedError, match="outside retention") as refused:
        points.store.write([f"{measurement},s=1 a=1.0 {too_old}", f"{measurement},s=1 a=1.0 {NOW_S}"])

    assert refused.value.status == 422
    assert points.fields(f"{measurement},s=1", NOW_S) == {"a": 1.0}


@pytest.mark.integration
@pytest.mark.parametrize("lines", [[], ["m a=1.0 1"]])
def test_a_wrong_token_or_bucket_is_refused(influx, lines):
    wrong_token = InfluxPointStore(url=influx.url, org=ORG, bucket=LIVE_BUCKET, token="wrong")
    wrong_bucket = InfluxPointStore(url=influx.url, org=ORG, bucket="nowhere", token=influx.write_token)

    for store, status in ((wrong_token, 401), (wrong_bucket, 404)):
        with pytest.raises(WriteRefusedError) as refused:
            store.write(lines)
        assert refused.value.status == status


@pytest.mark.integration
def test_a_token_that_was_rotated_is_taken_anew(influx, measurement):
    points = InfluxPoints(influx)
    store = InfluxPointStore(
        url=influx.url, org=ORG, bucket=LIVE_BUCKET, token="ended", token_now=lambda: influx.write_token
    )
    with closing(store):
        store.write([f"{measurement},s=1 a=1.0 {NOW_S}"])

    assert points.fields(f"{measurement},s=1", NOW_S) == {"a": 1.0}


@pytest.mark.integration
@hypothesis_settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cities=st.lists(st.text(max_size=20) | st.text(alphabet=", =\\\"'\n\r\t\0é🌬#", max_size=8), max_size=50),
    value=st.floats(allow_nan=False, allow_infinity=False),
)
def test_any_finite_float_and_any_tag_come_back(influx, cities, value):
    points = InfluxPoints(influx)
    kind = uuid.uuid4().hex
    messages = [
        MeasureValue(sensor_id=i, observed_at_s=NOW_S, value=value, sensor_type=kind, city=city)
        for i, city in enumerate(cities)
    ]

    lines = value_lines(MEASURE_BY_NAME["pm10"])
    points.store.write([text for message in messages for _, text in lines(message)])

    query = f"SELECT pm10_ug_m3 FROM air WHERE sensor_type = '{kind}' GROUP BY sensor_id, city"
    rows = points.reader.query(LIVE_BUCKET, query)
    city_by_sensor = {int(row["sensor_id"]): row["city"] for row in rows}
    assert city_by_sensor == {i: _kept(city) for i, city in enumerate(cities)}
    assert {float(row["pm10_ug_m3"]) for row in rows} == ({value} if cities else set())


def _kept(city):
    """What `contracts.line_protocol` says it keeps: no outer space, no backslash, no line breaks."""
    return re.sub(r"[\n\r\t]", " ", city.strip().replace("\\", "/"))


@pytest.mark.integration
class TestReader:
    def test_rows_carry_columns_tags_and_seconds(self, influx, measurement):
        points = InfluxPoints(influx)
        points.store.write([f"{measurement},s=1 a=1.0 {NOW_S}", f"{measurement},s=2 a=2.0 {NOW_S}"])

        rows = points.reader.query(LIVE_BUCKET, f"SELECT a FROM {measurement} GROUP BY s")

        assert rows == [{"time": NOW_S, "a": 1.0, "s": "1"}, {"time": NOW_S, "a": 2.0, "s": "2"}]

    def test_nothing_found_is_no_rows(self, influx, measurement):
        assert InfluxPoints(influx).reader.query(LIVE_BUCKET, f"SELECT a FROM {measurement}") == []

    @pytest.mark.parametrize("query", ["SELEKT", "SELECT a FROM b; DROP"])
    def test_a_wrong_query_is_refused(self, influx, query):
        with pytest.raises(ValueError, match="refuses the query"):
            InfluxPoints(influx).reader.query(LIVE_BUCKET, query)

    def test_a_wrong_token_is_refused(self, influx):
        with pytest.raises(UnavailableError, match="bootstrap"):
            InfluxReader(url=influx.url, token="wrong").query(LIVE_BUCKET, "SHOW MEASUREMENTS")

    def test_no_answer_is_unavailable(self):
        with pytest.raises(UnavailableError):
            InfluxReader(url="http://127.0.0.1:1", token="any").query(LIVE_BUCKET, "SHOW MEASUREMENTS")

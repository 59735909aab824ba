"""What the store already holds is compared at start, by the collector's own token, on a real InfluxDB.

Each test has one of its own: a type in conflict stops every collector of it.
"""

import time
from contextlib import closing
from types import SimpleNamespace

import pytest

from collector.__main__ import SCHEMA_CONFLICT_EXIT_CODE
from collector.live_schema import SchemaConflictError, count_series, require_same_types
from contracts.measures import MEASURE_BY_NAME
from contracts.points import value_lines
from contracts.stored import AIR_WINDOWS, LIVE_BUCKET, ORG
from runtime.influx_reader import InfluxReader
from runtime.influx_store import InfluxPointStore
from tests.collector.builders import a_value, guards
from tests.collector.collector_process import LIMIT_S, CollectorProcess

pytestmark = pytest.mark.integration


@pytest.fixture
def reader(own_influx):
    return InfluxReader(url=own_influx.url, token=own_influx.write_token)


def store_lines(influx, *texts, bucket=LIVE_BUCKET):
    store = InfluxPointStore(url=influx.url, org=ORG, bucket=bucket, token=influx.write_token)
    with closing(store):
        store.write(texts)


def lines_of(sensor_ids, **members):
    made, now_s = value_lines(MEASURE_BY_NAME["pm10"]), int(time.time())
    values = (a_value(sensor_id=each, observed_at_s=now_s, **members) for each in sensor_ids)
    return [line for value in values for line in made(value)]


def test_the_types_that_we_write_are_the_types_that_are_there(own_influx, reader):
    require_same_types(reader)
    store_lines(own_influx, *(text for _, text in lines_of([1, 2, 3])))
    require_same_types(reader)


def test_every_field_of_another_type_is_named(own_influx, reader):
    now_s = int(time.time())
    hours = AIR_WINDOWS["1h"]
    store_lines(own_influx, f"air,sensor_id=1 pm10_ug_m3=12i,pm10_flags=0i {now_s}")
    store_lines(
        own_influx, f"{hours.name},sensor_id=1 pm25_ug_m3_count=1.0 {now_s}", bucket=hours.bucket.name
    )

    with pytest.raises(SchemaConflictError) as conflict:
        require_same_types(reader)

    told = str(conflict.value)
    assert "pm10_ug_m3 of air in bucket 'live' is stored as integer, and we write float" in told
    assert "pm25_ug_m3_count of air_1h in bucket 'hourly' is stored as float, and we write integer" in told
    assert "pm10_flags" not in told


def test_the_series_that_are_there_are_known_whatever_their_names(own_influx, reader):
    city = "Bad, Ems = \"schön\" 'oder' so"
    lines = lines_of(range(50), city=city)
    store_lines(own_influx, *(text for _, text in lines))
    by_bucket = guards(new_per_hour_max=0)

    count_series(reader, by_bucket)

    assert by_bucket[LIVE_BUCKET].series == 50
    assert by_bucket[LIVE_BUCKET].refused([series for series, _ in lines]) == []
    assert by_bucket[LIVE_BUCKET].refused([series for series, _ in lines_of([50], city=city)]) == [0]


def test_a_collector_ends_at_start_and_names_the_conflict(own_influx, tmp_path):
    store_lines(own_influx, f"air,sensor_id=1 pm10_ug_m3=12i {int(time.time())}")
    no_kafka = SimpleNamespace(bootstrap_servers="127.0.0.1:1")
    collector = CollectorProcess(kafka=no_kafka, influx=own_influx, group_id="test", folder=tmp_path).start()

    assert collector.process.wait(LIMIT_S) == SCHEMA_CONFLICT_EXIT_CODE
    log = collector.log_path.read_text()
    assert "schema_conflict" in log
    assert "pm10_ug_m3 of air in bucket 'live' is stored as integer, and we write float" in log
    assert "luftstrom export" in log

"""A message of each contract goes through Kafka and the collector, and lies in InfluxDB as it should."""

import json
import time
import uuid
from pathlib import Path

import pytest

import contracts
from collector.live_schema import require_same_types
from contracts.points import STORED
from contracts.stored import BUCKETS
from contracts.topics import MEASURE_TOPICS
from runtime.kafka_publisher import KafkaPublisher
from tests.collector.collector_process import LIMIT_S, CollectorProcess, Servers, wait_until

pytestmark = pytest.mark.integration

EXAMPLES = Path(contracts.__file__).parent / "examples"
NOW_S = int(time.time())
SENSOR = uuid.uuid4().int % 10**9
PLACE = {"country": f"X{uuid.uuid4().hex[:6]}", "city": f"Zürich, {uuid.uuid4().hex[:6]} = ja"}
TYPE = {"sensor_type": "SDS011"}
POSITION = {"lat": 57.1, "lon": -2.0, "indoor": 0}
OF_SENSOR = {"sensor_id": str(SENSOR), **TYPE, **PLACE}
PART_OF_WINDOW = {
    "pm10_ug_m3_mean": 6.0, "pm10_ug_m3_min": 5.0, "pm10_ug_m3_max": 7.0, "pm10_ug_m3_count": 3,
    "pm10_ug_m3_flagged": 1,
}  # fmt: skip

# Example, what it is given, and what must be there: bucket, measurement, tags, time, fields.
CASES = {
    MEASURE_TOPICS["pm10"].name: (
        "measure/pm10", {"sensor_id": SENSOR, "observed_at_s": NOW_S, **PLACE},
        ("live", "air", OF_SENSOR, NOW_S,
         {"pm10_ug_m3": 1.03, "pm10_flags": 0, "lat": 57.13, "lon": -2.086, "indoor": 0}),
    ),
    **{
        f"aggregates-{size}-v1": (
            f"aggregates-{size}-v1/sds011", {"sensor_id": SENSOR, "starts_at_s": NOW_S, **PLACE},
            (bucket, f"air_{size}", OF_SENSOR, NOW_S, {**PART_OF_WINDOW, **POSITION}),
        )
        for size, bucket in (("5m", "live"), ("1h", "hourly"), ("1d", "daily"))
    },
    "places-1h-v1": (
        "places-1h-v1/pm25", {"starts_at_s": NOW_S, **PLACE},
        ("hourly", "place_1h", PLACE, NOW_S,
         {"pm25_ug_m3_mean": 12.25, "pm25_ug_m3_median": 11.5, "pm25_sensors": 12, "pm25_european_aqi": 2,
          "pm25_us_aqi": 55, "pm25_ug_m3_nowcast": 11.7}),
    ),
    "place-ranks-1h-v1": (
        "place-ranks-1h-v1/highest", {"starts_at_s": NOW_S, **PLACE},
        ("hourly", "place_rank_1h", {**PLACE, "extreme": "highest", "rank": "1"}, NOW_S,
         {"pm10_ug_m3_mean": 31.5, "pm10_sensor_id": 70, "pm10_sensor_type": "SDS011", "pm10_lat": 57.1,
          "pm10_lon": -2.0}),
    ),
    "throughput-10s-v1": (
        "throughput-10s-v1/gb", {"starts_at_s": NOW_S, "country": PLACE["country"]},
        ("live", "throughput_10s", {"country": PLACE["country"]}, NOW_S, {"readings": 3}),
    ),
    "flags-v1": (
        "flags-v1/dead",
        {"sensor_id": SENSOR, "starts_at_s": NOW_S - 9, "ends_at_s": NOW_S, **PLACE},
        ("live", "flagged_span", {**OF_SENSOR, "flag": "dead"}, NOW_S - 9, {"pm10_ends_at_s": NOW_S}),
    ),
    "readings-late-v1": (
        "readings-late-v1/sds011", {"sensor_id": SENSOR, "observed_at_s": NOW_S},
        ("live", "late_reading", {"sensor_id": str(SENSOR)}, NOW_S, {"late_s": 61}),
    ),
    "forecasts-v1": (
        "forecasts-v1/rnn", {"sensor_id": SENSOR, "issued_at_s": NOW_S, **TYPE, **PLACE},
        ("forecasts", "forecast", {**OF_SENSOR, "measure": "pm25", "method": "rnn"}, NOW_S,
         {"q05": 5.84, "q50": 6.48, "q95": 7.12, "horizon_h": 1, "issued_at": NOW_S,
          "model": "20261125T0600Z-1a2b3c4d"}),
    ),
    "forecast-skill-v1": (
        "forecast-skill-v1/rnn", {"valid_at_s": NOW_S},
        ("forecasts", "forecast_skill", {"measure": "pm25", "method": "rnn", "horizon_group": "h02-03"},
         NOW_S,
         {"count": 42, "mae": 1.31, "bias": -0.12, "wql": 0.21, "mase": 0.61, "coverage_80": 0.79,
          "skill_blend": 0.04, "skill_naive": 0.09, "skill_seasonal_naive": 0.31}),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def servers(kafka, influx, tmp_path_factory):
    """With one message of each contract sent, and a collector that runs."""
    servers = Servers(kafka, influx, kind="none")
    servers.create_topics()
    publisher = KafkaPublisher(kafka.bootstrap_servers, client_id="test")
    for topic, (example, given, _) in CASES.items():
        message = json.loads((EXAMPLES / f"{example}.json").read_bytes()) | given
        body = json.dumps(message).encode()
        publisher.publish(topic, body, key=str(SENSOR), timestamp_ms=NOW_S * 1000)
    publisher.flush(LIMIT_S)
    publisher.close()
    collector = CollectorProcess(
        kafka=kafka, influx=influx, group_id=uuid.uuid4().hex, folder=tmp_path_factory.mktemp("collector")
    ).start()
    yield servers
    assert collector.stop()[0] == 0


def test_every_contract_has_a_case():
    measures = {topic.name for topic in MEASURE_TOPICS.values()} - {MEASURE_TOPICS["pm10"].name}
    assert set(CASES) == {stored.topic.name for stored in STORED} - measures
    assert {bucket for *_, (bucket, *_) in CASES.values()} == {bucket.name for bucket in BUCKETS}


@pytest.mark.parametrize("topic", CASES)
def test_its_message_is_stored_with_tags_time_and_fields(servers, topic):
    bucket, measurement, tags, at_s, fields = CASES[topic][2]
    where = " AND ".join(f"{name} = '{value}'" for name, value in tags.items())
    query = f"SELECT * FROM {measurement} WHERE {where} AND time = {at_s}s"

    wait_until(lambda: servers.reader.query(bucket, query))

    [row] = servers.reader.query(bucket, query)
    stored = {name: value for name, value in row.items() if value is not None}
    assert stored.items() >= {"time": at_s, **tags, **fields}.items()
    require_same_types(servers.reader)

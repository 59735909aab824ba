"""The whole system on a whole recording: counted, not sampled, and through the death of every process.

One stack plays three recorded days as fast as the scraper takes them.
While they play, each process is killed with -9 once; nothing is done by hand.
"""

import json
import re
import time

import pytest
import requests

from luftstrom.connections import connections
from tests.dashboards.filled_metrics import FLINK_METRICS
from tests.end_to_end.independent_recording import doubted_points, points_of, records_of
from tests.end_to_end.playing_stack import (
    RECORDING,
    kill_process,
    playing_stack,
    processes_by_name,
    recording_state,
    shift_s,
    wait_until,
)

pytestmark = pytest.mark.end_to_end

KILLED = ("scraper", "flink", "collector", "influxd", "valkey", "kafka")
PLAY_LIMIT_S = 420.0
SETTLE_LIMIT_S = 240.0


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    with playing_stack(tmp_path_factory.mktemp("stack")) as settings:
        yield settings


@pytest.fixture(scope="module")
def played(settings):
    """The stack after the recording has played and each process was killed once."""
    total = recording_state(settings)["duration_s"]
    for number, name in enumerate(KILLED, start=1):
        mark = total * number / (len(KILLED) + 2)
        wait_until(lambda mark=mark: recording_state(settings)["position_s"] >= mark, limit_s=PLAY_LIMIT_S)
        kill_process(settings, name)
    wait_until(lambda: recording_state(settings)["finished"], limit_s=PLAY_LIMIT_S)
    with connections(settings) as connected:
        try:
            wait_until(lambda: connected.ledger.reconciliation().closes, limit_s=SETTLE_LIMIT_S)
        except AssertionError as error:
            rows = processes_by_name(settings)
            told = [
                f"{row.name} {row.state}, {row.restarts} restarts, {row.last_error}" for row in rows.values()
            ]
            raise AssertionError("\n".join([repr(connected.ledger.reconciliation()), *told])) from error
    return settings


@pytest.fixture(scope="module")
def expected(played):
    return points_of(records_of(RECORDING), shift_s=shift_s(played))


@pytest.fixture(scope="module")
def stored(played, expected):
    """Value by (field, sensor id, Unix second), and the points with doubts, as InfluxDB has them."""
    values, flags, tags = {}, {}, {}
    with connections(played) as connected:
        for field in sorted({field for field, _, _ in expected}):
            measure = field.rsplit("_", 2)[0] if field.endswith("_ug_m3") else field.rsplit("_", 1)[0]
            query = (
                f'SELECT "{field}", "{measure}_flags" FROM air WHERE time < now() + 1d '
                "GROUP BY sensor_id, sensor_type, country, city"
            )
            for row in connected.influx.query("live", query):
                if row[field] is None:
                    continue
                point = (field, int(row["sensor_id"]), row["time"])
                assert point not in values, "a value lies in two series"
                values[point] = row[field]
                flags[point] = row[f"{measure}_flags"]
                tags[int(row["sensor_id"])] = (row["sensor_type"], row["country"], row["city"])
    return values, flags, tags


def test_every_value_of_the_recording_is_stored_once_with_its_measure_unit_and_time(stored, expected):
    values, _, _ = stored

    assert len(values) == len(expected)
    assert values == expected


def test_every_value_out_of_range_is_flagged_and_no_other(stored, expected):
    _, flags, _ = stored

    assert {point for point, mask in flags.items() if mask & 1} == doubted_points(expected)


def test_every_sensor_has_its_type_and_place(stored, expected):
    _, _, tags = stored
    types = {
        record["sensor"]["id"]: record["sensor"]["sensor_type"]["name"] for record in records_of(RECORDING)
    }

    assert set(tags) == set(types)
    for sensor, (sensor_type, country, city) in tags.items():
        assert sensor_type == types[sensor]
        assert country == "GB"
        assert city


def test_the_arithmetic_closes(played):
    with connections(played) as connected:
        reconciliation = connected.ledger.reconciliation()

    assert reconciliation.closes
    assert reconciliation.door.published == len(records_of(RECORDING))
    assert reconciliation.set_aside == 0


def test_each_process_was_killed_and_came_back(played):
    processes = processes_by_name(played)

    for name in KILLED:
        assert processes[name].is_well, name
        assert processes[name].restarts >= 1, name


def a_record(number, **changes):
    """A good record of a sensor that is not in the recording, observed just now."""
    record = {
        "id": 9_000_000_000_000 + number,
        "sampling_rate": None,
        "timestamp": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()),
        "location": {"id": 1, "latitude": "57.13", "longitude": "-2.09", "country": "GB", "indoor": 0},
        "sensor": {"id": 990_000 + number, "pin": "1", "sensor_type": {"id": 14, "name": "SDS011"}},
        "sensordatavalues": [{"id": number, "value": "4.20", "value_type": "P1"}],
    }
    return {**record, **changes}


@pytest.fixture(scope="module")
def after_bad_input(played):
    """The stack after polls with bad records, and how often each process had been restarted before."""
    restarts = {name: process.restarts for name, process in processes_by_name(played).items()}
    url = f"http://127.0.0.1:{played.recording_port}/recording/inject"
    text_for_value = [{"value": "unavailable", "value_type": "P1"}, {"value": "4.30", "value_type": "P2"}]
    unknown = [{"value": "5", "value_type": "smell"}, {"value": "4.40", "value_type": "P1"}]
    bodies = [
        json.dumps(a_record(1)),
        '{"id": 9000000000002, "timestamp": "2026-01-01 00:00:00", "sensordatavalues": [{"val',
        json.dumps({"id": "no reading", "sensordatavalues": 7}),
        json.dumps(a_record(3, sensordatavalues=text_for_value)),
        json.dumps(a_record(4, sensordatavalues=unknown)),
        json.dumps(a_record(5)),
    ]
    whole = "[" + ",".join(bodies) + "]"
    requests.post(url, params={"mode": "replace"}, data=whole, timeout=10).raise_for_status()
    wait_until(lambda: value_of(played, 990_005) == 4.2, limit_s=60.0)
    truncated = json.dumps([a_record(6), a_record(7)])[:-40]
    requests.post(url, params={"mode": "replace"}, data=truncated, timeout=10).raise_for_status()
    wait_until(lambda: value_of(played, 990_006) == 4.2, limit_s=60.0)
    with connections(played) as connected:
        wait_until(lambda: connected.ledger.reconciliation().closes, limit_s=60.0)
        letters = list(connected.ledger.dead_letters())
    return restarts, letters


def value_of(settings, sensor_id, field="pm10_ug_m3"):
    with connections(settings) as connected:
        rows = connected.influx.query(
            "live", f"SELECT last(\"{field}\") FROM air WHERE sensor_id = '{sensor_id}' AND time < now() + 1d"
        )
    return rows[0]["last"] if rows else None


@pytest.mark.parametrize(
    ("sensor_id", "field", "value"),
    [
        (990_001, "pm10_ug_m3", 4.2),
        (990_003, "pm25_ug_m3", 4.3),
        (990_004, "pm10_ug_m3", 4.4),
        (990_005, "pm10_ug_m3", 4.2),
        (990_006, "pm10_ug_m3", 4.2),
    ],
)
def test_the_good_ones_beside_bad_ones_arrive(after_bad_input, played, sensor_id, field, value):
    assert value_of(played, sensor_id, field) == value


@pytest.mark.parametrize(
    ("reason", "part_of_original"),
    [
        ("not_json", b"9000000000002"),
        ("not_a_reading", b"no reading"),
        ("not_a_number", b"unavailable"),
        ("unknown_measure", b"smell"),
        ("truncated_payload", b"9000000000007"),
    ],
)
def test_a_bad_one_is_a_dead_letter_with_its_reason_and_bytes(after_bad_input, reason, part_of_original):
    _, letters = after_bad_input

    assert [part_of_original in letter.original for letter in letters if letter.reason == reason] == [True]


def test_bad_input_restarts_nothing(after_bad_input, played):
    restarts_before, _ = after_bad_input

    assert {name: process.restarts for name, process in processes_by_name(played).items()} == restarts_before


def test_flink_serves_the_metrics_that_dashboards_and_alerts_name(played):
    url = f"http://127.0.0.1:{played.flink_metrics_port}/metrics"
    served = set(re.findall(r"^(\w+)", requests.get(url, timeout=30).text, re.MULTILINE))

    assert set(re.findall(r"^(\w+)", FLINK_METRICS.read_text(), re.MULTILINE)) <= served

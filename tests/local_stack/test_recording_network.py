"""A scaled recording: as many records as asked for, in the mix and the shapes of the live network."""

from collections import Counter, defaultdict

import msgspec
import pytest

from contracts.measures import HOUSEKEEPING, MEASURES
from local_stack.recording_server.network import WHOLE_NETWORK_RECORDS, Network
from local_stack.recording_server.sensor_kinds import KINDS
from local_stack.recording_server.timeline import Timeline, window
from local_stack.recordings import Recording
from scraper.parsing import parsed_payload
from scraper.places import looked_up_places

pytestmark = pytest.mark.slow  # whole windows of the network

START_S = 1_800_000_000
LATER_S = START_S + 3600
SMALL = 2000
KNOWN_VALUE_TYPES = HOUSEKEEPING.union(*(measure.upstream for measure in MEASURES))
# Records in a five-minute window of the live feed, of the types that matter most.
LIVE_MIX = {
    "SDS011": 24_029, "BME280": 10_240, "DHT22": 9_352, "DNMS (Laerm)": 1_082, "SPS30": 771, "PMS5003": 533,
    "BMP280": 509, "SHT31": 500, "PMS7003": 371, "BMP180": 287, "SHT30": 283, "HTU21D": 215,
    "Radiation Si22G": 143,
}  # fmt: skip


@pytest.fixture(scope="module")
def recording():
    return Recording.load("aberdeen-2019-05-12")


@pytest.fixture(scope="module")
def timeline(recording):
    return Timeline.of(recording, starts_at_s=START_S)


@pytest.fixture(scope="module")
def network(recording, timeline):
    return Network(recording, timeline)


@pytest.fixture(scope="module")
def raws(network):
    return network.window(LATER_S)


@pytest.fixture(scope="module")
def records(raws):
    return [msgspec.json.decode(raw) for raw in raws]


def of_kind(records, name):
    return [record for record in records if record["sensor"]["sensor_type"]["name"] == name]


def value_types(record):
    return [value["value_type"] for value in record["sensordatavalues"]]


def test_a_window_is_as_large_as_that_of_the_live_network(raws):
    assert len(raws) == pytest.approx(WHOLE_NETWORK_RECORDS, rel=0.001)
    assert 21e6 < len(b",".join(raws)) < 24e6


def test_the_mix_is_that_of_the_live_network(records):
    counts = Counter(record["sensor"]["sensor_type"]["name"] for record in records)

    assert counts.keys() == {kind.name for kind in KINDS}
    for name, count in LIVE_MIX.items():
        assert counts[name] == pytest.approx(count, rel=0.05)


@pytest.mark.parametrize("size", [1, 5000])
def test_any_size_can_be_asked_for(recording, timeline, size):
    shown = Network(recording, timeline, records=size).window(LATER_S)

    assert len(shown) == pytest.approx(size, rel=0.02, abs=3)


def test_every_id_is_unique(records):
    ids = [record["id"] for record in records]
    value_ids = [value["id"] for record in records for value in record["sensordatavalues"] if "id" in value]

    assert len(set(ids)) == len(ids)
    assert len(set(value_ids)) == len(value_ids)
    assert min(ids) > 2**31


def test_overlapping_windows_show_the_same_records_under_the_same_ids(recording, timeline):
    network = Network(recording, timeline, records=SMALL)
    raw_by_id = {}
    for minute in range(12):
        for raw in network.window(LATER_S + 60 * minute):
            number = msgspec.json.decode(raw)["id"]
            assert raw_by_id.setdefault(number, raw) == raw

    seconds = 300 + 11 * 60
    assert len(raw_by_id) == pytest.approx(SMALL * seconds / 300, rel=0.01)


def test_a_sensor_reports_about_twice_a_window_at_its_one_place(records):
    times, locations = defaultdict(list), defaultdict(set)
    for record in records:
        times[record["sensor"]["id"]].append(record["timestamp"])
        locations[record["sensor"]["id"]].add(record["location"]["id"])

    assert {len(set(each)) for each in times.values()} == {2, 3}
    assert {len(each) for each in locations.values()} == {1}


def test_a_station_has_two_sensors(records):
    sensors = defaultdict(set)
    for record in records:
        sensors[record["location"]["id"]].add(record["sensor"]["id"])

    assert Counter(len(each) for each in sensors.values()).most_common(1)[0][0] == 2


def test_every_record_is_a_reading_of_known_values_with_a_position(raws):
    parsed = parsed_payload(b"[" + b",".join(raws) + b"]", latest_s=LATER_S)

    assert len(parsed.readings) == len(raws)
    assert not parsed.letters
    assert all(reading.latitude is not None for reading in parsed.readings)
    assert {name for raw in raws for name in value_types(msgspec.json.decode(raw))} <= KNOWN_VALUE_TYPES


@pytest.mark.parametrize(
    ("name", "pin", "expected"),
    [
        ("SDS011", "1", {"P1", "P2"}),
        ("BME280", "11", {"temperature", "humidity", "pressure", "pressure_at_sealevel"}),
        ("DNMS (Laerm)", "15", {"noise_LAeq", "noise_LA_min", "noise_LA_max"}),
        ("SPS30", "1", {"P0", "P1", "P2", "P4", "N05", "N1", "N25", "N4", "N10", "TS"}),
        ("PMS5003", "1", {"P0", "P1", "P2"}),
        ("NextPM", "1", {"P0", "P1", "P2", "N1", "N25", "N10"}),
        ("Radiation Si22G", "19", {"counts_per_minute", "hv_pulses", "counts", "sample_time_ms"}),
        ("SCD30", "17", {"temperature", "humidity", "co2_ppm"}),
        ("PPD42NS", "5", {"P1", "durP1", "ratioP1", "P2", "durP2", "ratioP2"}),
        ("GPS-NEO-6M", "9", {"lat", "lon", "height", "hdop", "timestamp"}),
    ],
)
def test_a_kind_has_its_true_shape(records, name, pin, expected):
    for record in of_kind(records, name):
        assert record["sensor"]["pin"] == pin
        assert set(value_types(record)) == expected
        for value in record["sensordatavalues"]:
            computed_upstream = value["value_type"] == "pressure_at_sealevel"
            assert isinstance(value["value"], float if computed_upstream else str)
            assert ("id" in value) != computed_upstream


def test_made_up_values_are_plausible_and_no_dust_weighs_more_than_the_coarser_dust_around_it(records):
    for record in of_kind(records, "SPS30"):
        value = {each["value_type"]: float(each["value"]) for each in record["sensordatavalues"]}
        assert 0 <= value["P0"] <= value["P2"] <= value["P4"] <= value["P1"] < 100


def test_a_clone_reports_what_a_recorded_sensor_reported_at_that_moment(recording, timeline, records):
    recorded = defaultdict(set)
    for raw in window(recording, timeline, LATER_S):
        record = msgspec.json.decode(raw)
        name = record["sensor"]["sensor_type"]["name"]
        recorded[name].add(tuple(value["value"] for value in record["sensordatavalues"]))

    for name in ("SDS011", "DHT22"):
        cloned = Counter(
            tuple(value["value"] for value in record["sensordatavalues"]) for record in of_kind(records, name)
        )
        known = sum(count for values, count in cloned.items() if values in recorded[name])
        # A clone's report may come a little after the window's beginning, and repeat one before it.
        assert known > 0.5 * cloned.total()


def test_stations_stand_near_towns_all_over_the_world(records):
    locations = {record["location"]["id"]: record["location"] for record in records[:SMALL]}.values()
    positions = [(float(each["latitude"]), float(each["longitude"])) for each in locations]
    places = looked_up_places(positions)
    right = sum(
        places[position].country == each["country"]
        for position, each in zip(positions, locations, strict=True)
    )

    assert len({each["country"] for each in locations}) > 60
    assert right > 0.98 * len(positions)

"""A row of the archive becomes the record that the feed would have shown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.dead_letters import DeadLetter
from contracts.errors import BadInputError
from contracts.measures import HOUSEKEEPING, MEASURES
from scraper.backfill.archive_csv import FIRST_ID, SENSOR_ID_MAX, archive_id, records_of
from scraper.backfill.lines import CutLine
from scraper.parsing import Reading, parsed_record
from tests.scraper.backfill.archive_files import HEADER, NAME, SDS011, a_row

LATEST_S = 1_900_000_000
# The value columns of each kind, the cells of a row, and its values. SDS011 to DHT22 are the archive's own
# layouts; of the others only the names of the columns are the network's.
LAYOUTS = {
    "SDS011": (SDS011, "8.97;;;3.10;;", {"P1": "8.97", "P2": "3.10"}),
    "PPD42NS": (
        SDS011,
        "24.59;13833;0.05;0.62;0;0.00",
        {"P1": "24.59", "durP1": "13833", "ratioP1": "0.05", "P2": "0.62", "durP2": "0", "ratioP2": "0.00"},
    ),
    "PMS5003": ("P1;P2;P0", "12.0;8.5;5.1", {"P1": "12.0", "P2": "8.5", "P0": "5.1"}),
    "BME280": (
        "pressure;altitude;pressure_sealevel;temperature;humidity",
        "103622.25;;103901.1;10.36;86.74",
        {"pressure": "103622.25", "pressure_sealevel": "103901.1", "temperature": "10.36",
         "humidity": "86.74"},
    ),
    "BMP180": (
        "pressure;altitude;pressure_sealevel;temperature",
        "99011.0;120.5;;7.1",
        {"pressure": "99011.0", "altitude": "120.5", "temperature": "7.1"},
    ),
    "DHT22": ("temperature;humidity", "11.60;94.30", {"temperature": "11.60", "humidity": "94.30"}),
    "DS18B20": ("temperature", "-4.2", {"temperature": "-4.2"}),
    "SPS30": (
        "P1;P4;P2;P0;N10;N4;N25;N1;N05;TS",
        "4.1;4.0;3.2;2.1;17.1;17.0;16.9;16.5;14.2;0.51",
        {"P1": "4.1", "P4": "4.0", "P2": "3.2", "P0": "2.1", "N10": "17.1", "N4": "17.0", "N25": "16.9",
         "N1": "16.5", "N05": "14.2", "TS": "0.51"},
    ),
    "DNMS (Laerm)": (
        "noise_LAeq;noise_LA_min;noise_LA_max",
        "48.2;41.0;60.9",
        {"noise_LAeq": "48.2", "noise_LA_min": "41.0", "noise_LA_max": "60.9"},
    ),
    "Radiation Si22G": (
        "counts_per_minute;counts;hv_pulses;sample_time_ms",
        "71;178;12;150000",
        {"counts_per_minute": "71", "counts": "178", "hv_pulses": "12", "sample_time_ms": "150000"},
    ),
    "SCD30": ("temperature;humidity;co2_ppm", "21.0;40.1;612", {"temperature": "21.0", "humidity": "40.1",
              "co2_ppm": "612"}),
    # Its columns repeat names of the first six; theirs is the second.
    "GPS-NEO-6M": ("lat;lon;height;timestamp", "48.1;9.2;511;12:00", {"lat": "48.1", "lon": "9.2",
                   "height": "511", "timestamp": "12:00"}),
}  # fmt: skip


def records(*rows, columns=SDS011, name=NAME, is_indoor=False):
    lines = [row if isinstance(row, bytes) else row.encode() for row in (f"{HEADER};{columns}", *rows)]
    return list(records_of(lines, name=name, is_indoor=is_indoor, latest_s=LATEST_S))


def the_record(row, **given):
    (reading,) = records(row, **given)
    return json.loads(reading.record)


def test_a_row_becomes_an_upstream_record_with_the_cells_as_they_are():
    assert the_record(a_row()) == {
        "id": archive_id(15092, 1_557_705_735),
        "timestamp": "2019-05-13T00:02:15",
        "location": {"id": 7647, "latitude": "56.964", "longitude": "-2.212", "indoor": 0},
        "sensor": {"id": 15092, "sensor_type": {"name": "SDS011"}},
        "sensordatavalues": [
            {"value": "8.97", "value_type": "P1"},
            {"value": "3.10", "value_type": "P2"},
        ],
    }


@pytest.mark.parametrize("sensor_type", LAYOUTS)
def test_each_kind_of_sensor_has_its_columns_and_empty_cells_are_left_out(sensor_type):
    columns, cells, values = LAYOUTS[sensor_type]
    row = f"71;{sensor_type};5;48.827;9.129;2019-05-13T00:02:15;{cells}"
    (reading,) = records(row, columns=columns)
    record = json.loads(reading.record)

    assert record["sensor"]["sensor_type"]["name"] == reading.sensor_type == sensor_type
    assert {each["value_type"]: each["value"] for each in record["sensordatavalues"]} == values
    assert (record["location"]["latitude"], record["timestamp"]) == ("48.827", "2019-05-13T00:02:15")
    assert reading.values == len(values)
    assert reading.ignored == sum(value_type in HOUSEKEEPING for value_type in values)


@pytest.mark.parametrize("sensor_type", LAYOUTS)
def test_every_column_of_a_layout_is_a_measure_or_known_housekeeping(sensor_type):
    measured = {upstream for measure in MEASURES for upstream in measure.upstream}

    assert set(LAYOUTS[sensor_type][0].split(";")) <= measured | HOUSEKEEPING


def test_columns_are_found_by_name_and_not_by_place():
    lines = [
        b"P2;timestamp;lon;lat;P1;sensor_type;sensor_id;location",
        b"3.10;2019-05-13T00:02:15;-2.212;56.964;8.97;SDS011;15092;7647",
    ]
    (reading,) = records_of(lines, name=NAME, is_indoor=False, latest_s=LATEST_S)
    record, usual = json.loads(reading.record), the_record(a_row())
    record["sensordatavalues"].reverse()

    assert record == usual


@pytest.mark.parametrize(
    "at",
    [
        "2019-05-13T00:02:15", "2019-05-13 00:02:15", "2019-05-13T00:02:15+00:00", "2019-05-13T00:02:15Z",
        "2019-05-13T00:02:15.642743+00:00", "2019-05-13T02:02:15+02:00",
    ],
)  # fmt: skip
def test_a_moment_is_understood_in_all_forms_and_stays_as_it_is_written(at):
    (reading,) = records(a_row(at))

    assert (reading.observed_at_s, reading.id) == (1_557_705_735, archive_id(15092, 1_557_705_735))
    assert json.loads(reading.record)["timestamp"] == at


@pytest.mark.parametrize(
    ("is_indoor", "location"), [(True, {"indoor": 1}), (False, {"indoor": 0}), (None, {})]
)
def test_indoor_is_told_where_it_is_known(is_indoor, location):
    (reading,) = records(a_row(), is_indoor=is_indoor)
    record = json.loads(reading.record)

    assert {name: record["location"][name] for name in ("indoor",) if name in record["location"]} == location
    assert reading.is_indoor == bool(is_indoor)


def test_a_sensor_without_a_position_or_location_is_kept_without():
    (reading,) = records(a_row(sensor="15092;SDS011;;;"))

    assert (reading.latitude, reading.longitude) == (None, None)
    assert json.loads(reading.record)["location"] == {"indoor": 0}


def test_a_sensor_that_moves_has_both_places():
    moved = "15092;SDS011;9;57.1;-2.5"
    readings = records(a_row(), a_row("2019-05-13T00:05:00", sensor=moved))

    assert [(reading.latitude, reading.longitude) for reading in readings] == [(56.964, -2.212), (57.1, -2.5)]
    assert [json.loads(reading.record)["location"]["id"] for reading in readings] == [7647, 9]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("garbage", "not_a_reading"),
        (f"{a_row()};1", "not_a_reading"),
        (a_row()[:-4], "not_a_reading"),
        (a_row("yesterday"), "not_a_reading"),
        (a_row(""), "not_a_reading"),
        (a_row("1960-05-13T00:02:15"), "not_a_reading"),
        (a_row("2060-05-13T00:02:15"), "from_the_future"),
        (a_row(sensor="abc;SDS011;7647;56.964;-2.212"), "not_a_reading"),
        (a_row(sensor=";SDS011;7647;56.964;-2.212"), "not_a_reading"),
        (a_row(sensor="-1;SDS011;7647;56.964;-2.212"), "not_a_reading"),
        (a_row(sensor=f"{SENSOR_ID_MAX + 1};SDS011;7647;56.964;-2.212"), "not_a_reading"),
        (b"15092;SDS\xff011;7647;56.964;-2.212;2019-05-13T00:02:15;8.97;;;3.10;;", "not_a_reading"),
        (b"x" * 300_000, "not_a_reading"),
    ],
)
def test_a_bad_row_is_a_dead_letter_with_its_bytes_and_costs_no_other(row, reason):
    before, letter, after = records(a_row(), row, a_row("2019-05-13T00:05:00"))
    row = row if isinstance(row, bytes) else row.encode()

    assert isinstance(before, Reading)
    assert isinstance(after, Reading)
    assert letter.reason == reason
    assert (letter.original, letter.original_size) == (row[:262_144], len(row))


def test_values_that_are_no_numbers_go_on_as_they_are():
    values = the_record(a_row(values='nan;;;"un\\known";;'))["sensordatavalues"]

    assert [each["value"] for each in values] == ["nan", '"un\\known"']


def test_line_ends_of_windows_empty_lines_and_repeated_headers_are_no_rows():
    header = f"{HEADER};{SDS011}"
    lines = [f"{header}\r", f"{a_row()}\r", "", f"{header}\r", f"{a_row('2019-05-13T00:05:00')}\r"]
    found = list(records_of([line.encode() for line in lines], name=NAME, is_indoor=None, latest_s=LATEST_S))

    assert [reading.values for reading in found] == [2, 2]


@pytest.mark.parametrize("header", ["", "<!DOCTYPE html>", "id,lat,lon", HEADER.replace(";lat", "")])
def test_a_wrong_header_is_told_with_the_file_and_what_is_missing(header):
    with pytest.raises(BadInputError, match=f"{NAME} is no file of the archive: .*lat"):
        list(records_of([header.encode()], name=NAME, is_indoor=None, latest_s=LATEST_S))


def test_a_file_without_rows_is_no_error():
    assert records() == []


def test_a_last_row_that_may_be_cut_is_set_aside_and_told():
    found = []
    rows = [f"{HEADER};{SDS011}".encode(), a_row().encode(), CutLine(a_row().encode()[:-5])]
    with pytest.raises(BadInputError, match=f"{NAME} ends without a line end"):
        found.extend(records_of(rows, name=NAME, is_indoor=None, latest_s=LATEST_S))

    reading, letter = found
    assert isinstance(reading, Reading)
    assert (letter.reason, letter.original) == ("truncated_payload", rows[-1])


def test_ids_are_apart_from_those_of_the_feed_and_plain_for_the_job():
    lowest, highest = archive_id(0, 0), archive_id(SENSOR_ID_MAX, 2**32 - 1)

    assert lowest == FIRST_ID > 1_000_000 * 365 * 14_500_000  # a million years of the network
    assert len(str(lowest)) == len(str(highest)) == 18


@given(
    st.lists(st.tuples(st.integers(0, SENSOR_ID_MAX), st.integers(0, 2**32 - 1)), unique=True, max_size=20)
)
def test_no_two_readings_have_the_same_id(readings):
    assert len({archive_id(sensor_id, at_s) for sensor_id, at_s in readings}) == len(readings)


@given(st.lists(st.text(max_size=60) | st.binary(max_size=60), max_size=5))
def test_whatever_the_rows_each_is_a_reading_or_a_letter(rows):
    for found in records(*(row if isinstance(row, bytes) else row.encode(errors="replace") for row in rows)):
        assert isinstance(found, Reading | DeadLetter)


@given(
    st.lists(
        st.text(st.characters(exclude_characters=";\n", exclude_categories=["Cs"]), max_size=12),
        min_size=12,
        max_size=12,
    )
)
def test_the_record_says_what_the_reading_says(cells):
    for found in records(";".join(cells).encode(errors="replace"), a_row(values=";".join(cells[:6]))):
        if isinstance(found, Reading):
            assert parsed_record(found.record, latest_s=LATEST_S) == found

"""What to take of all that the feed shows."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.readings import Place
from runtime.settings import SettingsError, read_settings
from scraper.parsing import parsed_record
from scraper.selection import Box, Circle, Selection, box_of, circle_of, distance_km
from scraper.settings import Settings
from tests.scraper.feed import a_record

GIVEN = {"kafka_bootstrap_servers": "x", "redis_url": "x", "source_url": "http://127.0.0.1:1/"}
GB = Place(country="GB", city="Aberdeen", geohash="gfnt081")
NOON_2026_S = 1_767_268_800
LATITUDES, LONGITUDES = st.floats(-90, 90), st.floats(-180, 180)


def a_reading(*, indoor=0, latitude="57.13", longitude="-2.086", sensor_type="SDS011"):
    location = {"latitude": latitude, "longitude": longitude, "indoor": indoor}
    sensor = {"id": 7001, "sensor_type": {"name": sensor_type}}
    return parsed_record(
        json.dumps(a_record(location=location, sensor=sensor)).encode(), latest_s=NOON_2026_S
    )


@pytest.mark.parametrize(
    ("selection", "is_taken"),
    [
        (Selection(), True),
        (Selection(countries=frozenset({"GB", "DE"})), True),
        (Selection(countries=frozenset({"DE"})), False),
        (Selection(sensor_types=frozenset({"SDS011"})), True),
        (Selection(sensor_types=frozenset({"BME280"})), False),
        (Selection(sensor_ids=frozenset({7001})), True),
        (Selection(sensor_ids=frozenset({7002})), False),
        (Selection(indoor=False), True),
        (Selection(indoor=True), False),
        (Selection(areas=(Box(57, -3, 58, -2),)), True),
        (Selection(areas=(Box(50, -3, 51, -2),)), False),
        (Selection(areas=(Circle(57.15, -2.1, 10.0),)), True),
        (Selection(areas=(Circle(57.15, -2.1, 1.0),)), False),
        (Selection(countries=frozenset({"GB"}), indoor=True), False),
    ],
)
def test_a_reading_is_taken_where_everything_holds(selection, is_taken):
    assert selection.takes(a_reading(), GB) is is_taken


def test_an_indoor_reading_is_told_apart():
    assert Selection(indoor=True).takes(a_reading(indoor=1), GB)
    assert Selection(indoor=True).takes(a_reading(indoor="1"), GB)
    assert Selection(indoor=False).takes(a_reading(indoor=None), GB)


def test_a_type_is_asked_for_in_any_case():
    assert Selection(sensor_types=frozenset({"DNMS (LAERM)"})).takes(
        a_reading(sensor_type="DNMS (Laerm)"), GB
    )


@pytest.mark.parametrize("area", [Box(-90, -180, 90, 180), Circle(0, 0, 30_000)])
def test_a_reading_without_a_position_is_nowhere(area):
    nowhere = a_reading(latitude="", longitude="")

    assert not Selection(areas=(area,)).takes(nowhere, None)
    assert not Selection(countries=frozenset({"GB"})).takes(nowhere, None)
    assert Selection().takes(nowhere, None)


def test_a_box_may_cross_the_date_line():
    fiji = Box(-20, 177, -15, -178)

    assert fiji.holds(-18, 179)
    assert fiji.holds(-18, -179)
    assert not fiji.holds(-18, 0)


def test_a_known_distance_comes_out():
    berlin, paris = (52.5200, 13.4050), (48.8566, 2.3522)

    assert distance_km(berlin, paris) == pytest.approx(877.5, abs=2.0)


@given(LATITUDES, LONGITUDES, LATITUDES, LONGITUDES)
def test_a_distance_is_the_same_both_ways_and_at_most_half_the_earth(one, two, three, four):
    distance = distance_km((one, two), (three, four))

    assert 0 <= distance <= 20_016
    assert distance == pytest.approx(distance_km((three, four), (one, two)), abs=1e-6)


@pytest.mark.parametrize(
    "text", ["", "1,2,3", "a,b,c,d", "58,-3,57,-2", "0,0,91,0", "0,-181,1,0", "nan,0,1,1"]
)
def test_what_is_no_box_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        box_of(text)


@pytest.mark.parametrize("text", ["", "57,-2", "57,-2,0", "57,-2,-1", "91,0,1", "57,-2,nan"])
def test_what_is_no_circle_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        circle_of(text)


def test_the_settings_make_the_selection():
    settings = read_settings(
        Settings, **GIVEN, countries="de, GB", sensor_types="sds011", sensor_ids="1, 2", box="57,-3,58,-2",
        near="57.15,-2.1,10", indoor="never",
    )  # fmt: skip

    assert settings.selection == Selection(
        countries=frozenset({"DE", "GB"}),
        sensor_types=frozenset({"SDS011"}),
        sensor_ids=frozenset({1, 2}),
        areas=(Box(57, -3, 58, -2), Circle(57.15, -2.1, 10)),
        indoor=False,
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("countries", "Germany"),
        ("sensor_ids", "one"),
        ("box", "57,-3"),
        ("near", "here"),
        ("indoor", "sometimes"),
    ],
)
def test_a_choice_that_cannot_be_read_is_named(field, value):
    with pytest.raises(SettingsError, match=f"SCRAPER_{field.upper()} is wrong"):
        read_settings(Settings, **GIVEN, **{field: value})

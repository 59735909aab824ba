"""A position has a place at once, without any network."""

from contracts.places import PlaceOrigin
from scraper import places as places_module
from scraper.gazetteer import City
from scraper.places import Places

ABERDEEN, STUTTGART, NULL_ISLAND = (57.13, -2.086), (48.78, 9.18), (0.5, 0.5)


def test_a_place_is_a_country_a_city_and_a_geohash():
    (place,) = Places().of([ABERDEEN])

    assert (place.country, place.city) == ("GB", "Aberdeen")
    assert place.geohash == "gfnt081"


def test_more_is_known_of_a_place_than_a_reading_carries():
    (detailed,) = Places().detailed([ABERDEEN])

    assert (detailed.country_name, detailed.admin_area) == ("United Kingdom", "Scotland")
    assert detailed.origin == PlaceOrigin.GAZETTEER
    assert [detailed.short] == Places().of([ABERDEEN])


def test_britain_is_gb_whatever_the_gazetteer_calls_it(monkeypatch):
    monkeypatch.setattr(places_module, "nearest_cities", lambda _positions: [City("uk", "Aberdeen")])
    (place,) = Places().of([ABERDEEN])

    assert place.country == "GB"


def test_places_come_in_the_order_of_the_positions():
    cities = [place.city for place in Places().of([STUTTGART, ABERDEEN, STUTTGART])]

    assert cities[0] == cities[2]
    assert cities[1] == "Aberdeen"


def test_a_position_is_looked_up_once():
    places = Places()
    (first,) = places.of([ABERDEEN])

    assert places.of([(57.130004, -2.086001)])[0] is first


def test_no_position_asks_for_nothing():
    assert Places().of([]) == []


def test_the_middle_of_an_ocean_has_a_place_too():
    (place,) = Places().of([NULL_ISLAND])

    assert len(place.country) == 2


def test_more_positions_than_are_remembered_have_their_places_too(monkeypatch):
    monkeypatch.setattr(places_module, "PLACES_MAX", 2)
    places = Places()
    places.of([ABERDEEN])

    assert [place.city for place in places.of([ABERDEEN, STUTTGART, NULL_ISLAND])][:2] == [
        "Aberdeen",
        "Stuttgart",
    ]

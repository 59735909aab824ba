"""Places are kept in Redis, on the twin and on a real Valkey; without it they are looked up."""

import msgspec
import pytest

from contracts.errors import UnavailableError
from contracts.places import DetailedPlace, PlaceOrigin
from runtime.redis_client import connect_redis
from scraper import places as places_module
from scraper.place_cache import KEPT_S_BY_ORIGIN, PREFIX, RedisPlaceCache
from scraper.places import Places

ABERDEEN, STUTTGART = (57.13, -2.086), (48.78, 9.18)
A_PLACE = DetailedPlace(
    country="GB", country_name="United Kingdom", admin_area="Scotland", city="Cached-on-Sea",
    geohash="gfnt081", origin=PlaceOrigin.GAZETTEER,
)  # fmt: skip


@pytest.fixture
def cache(client):
    return RedisPlaceCache(client)


@pytest.fixture
def no_gazetteer(monkeypatch):
    def fail(positions):
        raise AssertionError(f"the gazetteer was asked for {positions}")

    monkeypatch.setattr(
        places_module, "looked_up_places", lambda positions: fail(positions) if positions else {}
    )


def test_what_is_kept_is_known(cache):
    cache.keep({ABERDEEN: A_PLACE})

    assert cache.known([ABERDEEN, STUTTGART]) == {ABERDEEN: A_PLACE}


@pytest.mark.parametrize("origin", PlaceOrigin)
def test_a_place_ends_by_itself_in_the_time_of_its_origin(cache, client, origin):
    cache.keep({ABERDEEN: msgspec.structs.replace(A_PLACE, origin=origin)})
    (key,) = client.keys(f"{PREFIX}*")

    assert KEPT_S_BY_ORIGIN[origin] - 60 < client.ttl(key) <= KEPT_S_BY_ORIGIN[origin]


def test_what_was_asked_for_is_kept_longer():
    assert KEPT_S_BY_ORIGIN[PlaceOrigin.NOMINATIM] > KEPT_S_BY_ORIGIN[PlaceOrigin.GAZETTEER]


def test_a_value_that_is_not_ours_is_unknown(cache, client):
    cache.keep({ABERDEEN: A_PLACE})
    (key,) = client.keys(f"{PREFIX}*")
    client.set(key, b"nonsense")

    assert cache.known([ABERDEEN]) == {}


@pytest.mark.slow
def test_thousands_of_places_are_kept_counted_and_purged(cache, client):
    many = {(round(number * 0.001, 4), 1.0): A_PLACE for number in range(12_000)}
    client.set("scraper:published", b"not a place")
    cache.keep(many)

    assert cache.count() == 12_000
    assert len(cache.known(list(many))) == 12_000
    assert cache.purge() == 12_000
    assert cache.count() == 0
    assert client.get("scraper:published") == b"not a place"


def test_the_first_run_keeps_and_the_next_asks_no_gazetteer(cache, monkeypatch):
    (first,) = Places(cache).of([ABERDEEN])
    monkeypatch.setattr(places_module, "looked_up_places", dict.fromkeys)

    assert Places(cache).of([ABERDEEN]) == [first]


def test_a_kept_place_wins(cache, no_gazetteer):
    cache.keep({ABERDEEN: A_PLACE})

    assert Places(cache).detailed([(57.130001, -2.085999)]) == [A_PLACE]
    assert Places(cache).of([(57.130001, -2.085999)]) == [A_PLACE.short]


def test_without_redis_places_are_looked_up():
    away = RedisPlaceCache(connect_redis("redis://127.0.0.1:1/0"))
    (place,) = Places(away).of([ABERDEEN])

    assert place.city == "Aberdeen"
    with pytest.raises(UnavailableError):
        away.known([ABERDEEN])
    with pytest.raises(UnavailableError):
        away.count()

"""Nominatim is asked with a name, in one language; only a whole answer is one."""

import time
from email.utils import formatdate

import pytest

from contracts.errors import UnavailableError
from contracts.places import DetailedPlace, PlaceOrigin
from scraper.nominatim import Nominatim
from scraper.sensor_community_source import AskedToWaitError
from tests.scraper.nominatim_server import FOOTDEE, running_nominatim

ABERDEEN = (57.13, -2.086)


@pytest.fixture(scope="module")
def running():
    with running_nominatim() as server:
        yield server


@pytest.fixture
def server(running):
    running.address, running.status, running.headers, running.body = FOOTDEE, 200, {}, None
    running.asked.clear()
    return running


@pytest.fixture
def nominatim(server):
    return Nominatim(server.url, user_agent="Luftstrom/test (+me@example.org)")


def test_a_place_is_iso_and_marked_with_its_origin(nominatim):
    assert nominatim.place_of(ABERDEEN) == DetailedPlace(
        country="GB",
        country_name="United Kingdom",
        admin_area="Scotland",
        city="Footdee",
        geohash="gfnt081",
        origin=PlaceOrigin.NOMINATIM,
    )


def test_it_is_told_who_asks_and_to_answer_in_english(server, nominatim):
    nominatim.place_of(ABERDEEN)

    assert server.agents[-1] == "Luftstrom/test (+me@example.org)"
    assert server.asked[-1]["accept-language"] == "en"
    assert (float(server.asked[-1]["lat"]), float(server.asked[-1]["lon"])) == ABERDEEN


@pytest.mark.parametrize(("code", "country"), [("uk", "GB"), ("gb", "GB"), ("de", "DE")])
def test_a_country_is_its_iso_code(server, nominatim, code, country):
    server.address = {**FOOTDEE, "country_code": code}

    assert nominatim.place_of(ABERDEEN).country == country


@pytest.mark.parametrize("kind", ["city", "town", "village", "municipality", "hamlet"])
def test_a_city_may_be_a_smaller_place(server, nominatim, kind):
    server.address = {kind: "Somewhere", "country_code": "de"}

    assert nominatim.place_of(ABERDEEN).city == "Somewhere"


@pytest.mark.parametrize("address", [None, {}, {"country_code": "gb"}, {"city": "Nowhere"}])
def test_what_the_service_does_not_know_is_no_place(server, nominatim, address):
    server.address = address

    assert nominatim.place_of(ABERDEEN) is None


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_a_refusal_is_no_answer_and_asked_once(server, nominatim, status):
    server.status = status
    with pytest.raises(UnavailableError):
        nominatim.place_of(ABERDEEN)

    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"5", b'"text"', b"[[]]", b'{"error": "busy"}', b'{"address": {"city": 5}}', b"\xff"],
)
def test_what_is_no_answer_is_never_a_place(server, nominatim, body):
    server.body = body
    with pytest.raises(UnavailableError):
        nominatim.place_of(ABERDEEN)


@pytest.mark.parametrize("is_date", [False, True], ids=["seconds", "a date"])
def test_a_wish_for_a_pause_is_handed_on(server, nominatim, is_date):
    wanted = formatdate(time.time() + 60, usegmt=True) if is_date else "7"
    server.status, server.headers = 429, {"Retry-After": wanted}
    with pytest.raises(AskedToWaitError) as asked:
        nominatim.place_of(ABERDEEN)

    assert 6 < asked.value.seconds <= 60


def test_a_service_that_is_away_is_unavailable():
    with pytest.raises(UnavailableError, match="no answer from Nominatim"):
        Nominatim("http://127.0.0.1:1", user_agent="Luftstrom/test").place_of(ABERDEEN)

"""A poll publishes what is new, once, and remembers it only when it is safe."""

import json

import pytest

from contracts.topics import READINGS_RAW
from scraper.places import Places
from scraper.selection import Selection
from tests.scraper.feed import a_record, payload_of
from tests.scraper.polling_house import House, ScriptedSource, records


@pytest.fixture
def house():
    return House()


def test_a_reading_is_published_with_its_key_time_place_and_bytes(house):
    house.poll(records(1))
    (record,) = next(
        each for partition, each in house.log.records.items() if partition.topic == READINGS_RAW.name
    )
    reading = READINGS_RAW.decode(record.value)

    assert record.key == b"7001"
    assert record.timestamp_ms == 1_767_225_600_000
    assert (reading.place.country, reading.place.city) == ("GB", "Aberdeen")
    assert reading.fetched_at == "2026-01-01T12:00:00Z"
    assert record.value.startswith(payload_of(a_record(1))[1:-2])


def test_a_reading_is_dated_by_when_its_answer_was_here(house):
    class SlowSource(ScriptedSource):
        def fetch(self):
            house.clock.advance(20)
            return super().fetch()

    house.another_poller(SlowSource(records(1))).poll()

    [body] = house.log.values(READINGS_RAW.name)
    assert READINGS_RAW.decode(body).fetched_at == "2026-01-01T12:00:20Z"


def test_a_reading_from_elsewhere_says_where_it_is_from(house):
    house.source.origin = "v2"
    house.poll(records(1))
    house.source.origin = None
    house.poll(records(1, 2))

    decoded = [READINGS_RAW.decode(body) for body in house.log.values(READINGS_RAW.name)]
    assert [reading.origin for reading in decoded] == ["v2", None]


def test_a_repeated_reading_is_not_published_again(house):
    house.poll(records(1, 2))
    summary = house.poll(records(2, 3))

    assert house.published() == [1, 2, 3]
    assert summary.totals["repeated"] == 1


def test_a_restarted_scraper_knows_what_was_published(house):
    house.poll(records(1, 2))
    house.restart()
    house.poll(records(1, 2, 3))

    assert house.published() == [1, 2, 3]


def test_known_readings_ask_for_no_place(house, monkeypatch):
    house.poll(records(1, 2))
    house.restart()
    asked = []
    monkeypatch.setattr(Places, "of", lambda _places, positions: asked.extend(positions) or [])

    assert house.poll(records(1, 2)).totals["repeated"] == 2
    assert asked == []


def test_a_reading_twice_in_one_payload_is_published_once(house):
    summary = house.poll(records(1, 1, 1))

    assert house.published() == [1]
    assert (summary.totals["fetched"], summary.totals["repeated"]) == (3, 2)


def test_one_bad_record_in_three_polls_is_one_dead_letter(house):
    bad = payload_of(a_record(1), {"id": "bad"})
    for _ in range(3):
        house.poll(bad)

    assert [letter.original for letter in house.letters()] == [b'{"id": "bad"}']
    assert house.totals()["refused"] == house.totals()["refused_not_a_reading"] == 1
    assert house.totals()["repeated"] == 4


def test_an_unchanged_feed_is_no_poll_that_counts(house):
    assert house.poll(None).totals == {}
    assert house.totals() == {}


def test_what_is_not_asked_for_is_left_out_and_counted(house):
    house.selection = Selection(sensor_ids=frozenset({7002}))
    house.restart()
    totals = house.poll(records(1, 2, 3)).totals

    assert house.published() == [2]
    assert (totals["fetched"], totals["published"], totals["left_out"]) == (3, 1, 2)
    assert house.letters() == []


def test_a_choice_of_countries_goes_by_the_position_and_not_by_what_the_record_says(house):
    house.selection = Selection(countries=frozenset({"DE"}))
    house.restart()
    stuttgart = {"latitude": "48.78", "longitude": "9.18", "country": "GB"}
    house.poll(payload_of(a_record(1), a_record(2, location=stuttgart), a_record(3, location=None)))

    assert house.published() == [2]


@pytest.mark.parametrize(
    "location", [{"id": 3939, "latitude": "0", "longitude": "0.000"}, {"id": 3939}, None]
)
def test_a_reading_without_a_position_is_kept_and_marked(house, location):
    house.poll(payload_of(a_record(1, location=location), a_record(2)))
    nowhere, somewhere = (json.loads(body) for body in house.log.values(READINGS_RAW.name))

    assert house.published() == [1, 2]
    assert (nowhere["place"], nowhere["no_position"]) == (None, True)
    assert "no_position" not in somewhere
    assert house.letters() == []

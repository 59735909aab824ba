"""The archive door takes records, whole, once, and goes on where it was stopped."""

import json

import pytest

from contracts.errors import BadInputError, UnavailableError
from contracts.topics import DEAD_LETTERS, READINGS_ARCHIVE, SENSORS
from scraper.backfill import door as door_module
from scraper.backfill import records_of
from tests.scraper.feed import a_record


def lines(count):
    return [json.dumps(a_record(number)).encode() for number in range(count)]


def take(house, records, *, name="a-file", on_chunk=lambda _done, _counts: None, **choices):
    door = house.door(**choices)
    door.take(records_of(records, name=name, latest_s=door.latest_s), name=name, on_chunk=on_chunk)


def published(house):
    return [json.loads(reading.record)["id"] - 3_490_000_000 for reading in house.readings()]


def test_every_record_is_published_to_the_archive_topic_and_counted_chunk_by_chunk(house):
    chunks = []
    take(house, lines(25), on_chunk=lambda done, counts: chunks.append((done, counts.get("published", 0))))

    assert published(house) == list(range(25))
    assert chunks == [(0, 0), (10, 10), (20, 10), (25, 5)]


def test_history_tells_nothing_of_the_sensors(house):
    take(house, lines(25))

    assert house.log.values(SENSORS.name) == []


def test_a_second_run_does_nothing(house):
    take(house, lines(25))
    take(house, lines(25))

    assert published(house) == list(range(25))
    assert house.totals()["fetched"] == 25


def test_after_a_kill_it_goes_on_after_the_last_whole_chunk(house):
    def killed(done, _counts):
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(house, lines(25), on_chunk=killed)
    take(house, lines(25))

    assert published(house) == list(range(25))
    assert house.totals()["published"] == 25


def test_killed_between_publishing_and_remembering_it_repeats_the_chunk_and_counts_it_once(
    house, monkeypatch
):
    def killed(*_given):
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(house.memory, "advance", killed)
        with pytest.raises(KeyboardInterrupt):
            take(house, lines(25))
    take(house, lines(25))

    assert published(house) == [*range(10), *range(25)]
    assert house.totals()["published"] == 25


def test_while_kafka_is_away_nothing_is_done(house):
    house.log.is_available = False
    with pytest.raises(UnavailableError):
        take(house, lines(5))
    house.log.is_available = True
    take(house, lines(5))

    assert house.totals()["fetched"] == house.totals()["published"] == 5


def test_a_bad_line_is_a_dead_letter_and_costs_no_other(house):
    take(house, [lines(1)[0], b"{broken", b'{"id": 7}', lines(2)[1]])

    assert published(house) == [0, 1]
    assert house.totals()["refused"] == 2
    assert house.letters() == [("not_json", b"{broken"), ("not_a_reading", b'{"id": 7}')]


def test_a_dead_letter_tells_by_which_door_it_came(house):
    take(house, [b"{broken"])

    (letter,) = map(DEAD_LETTERS.decode, house.log.values(DEAD_LETTERS.name))
    assert letter.door == "archive"


def test_what_comes_before_a_damage_is_safe_before_it_is_told(house):
    def cut_short():
        yield from lines(7)
        raise BadInputError("unreadable_file", "the end is missing")

    with pytest.raises(BadInputError, match="the end is missing"):
        take(house, cut_short())

    assert published(house) == list(range(7))
    assert house.totals()["published"] == 7


def test_a_repeat_is_counted_and_not_published_again(house):
    first, second = lines(2)
    take(house, [first, second, first])

    assert published(house) == [0, 1]
    assert (house.totals()["fetched"], house.totals()["repeated"]) == (3, 1)


def test_a_repeat_of_what_an_earlier_run_published_is_known_too(house):
    def killed(done, _counts):
        if done == 10:
            raise KeyboardInterrupt

    repeated = [*lines(10), lines(10)[9], *lines(12)[10:]]
    with pytest.raises(KeyboardInterrupt):
        take(house, repeated, on_chunk=killed)
    take(house, repeated)

    assert published(house) == list(range(12))
    assert house.totals()["repeated"] == 1


def test_repeats_are_known_for_so_many_records_and_their_ids_are_bounded(monkeypatch):
    monkeypatch.setattr(door_module, "REPEAT_RECORDS", 3)
    latest = door_module._LatestIds()

    assert [latest.is_repeat(number) for number in (1, 2, 3, 4, 1, 5, 6, 4)] == [
        False, False, False, False, True, False, False, True,
    ]  # fmt: skip
    assert [latest.is_repeat(number) for number in (7, 8, 9, 10, 1)] == [False] * 5
    assert len(latest._new) + len(latest._old) <= 6


def test_what_is_not_asked_for_is_left_out_and_counted(house):
    take(house, lines(5), sensor_ids=frozenset({7001, 7003}))

    assert published(house) == [1, 3]
    assert (house.totals()["fetched"], house.totals()["left_out"]) == (5, 3)


def test_a_country_is_found_by_the_position(house):
    abroad = json.dumps(a_record(1, location={"id": 3, "latitude": "48.85", "longitude": "2.35"})).encode()
    take(house, [lines(1)[0], abroad], countries=frozenset({"FR"}))

    assert [reading.place.country for reading in house.readings()] == ["FR"]
    assert house.totals()["left_out"] == 1


def test_a_record_lies_in_the_log_under_its_sensor_and_its_time(house):
    take(house, lines(1))
    ((record,),) = [r for p, r in house.log.records.items() if p.topic == READINGS_ARCHIVE.name]

    assert (record.key, record.timestamp_ms) == (b"7000", 1_767_225_600_000)

"""Refused records go back through their door: parsed, published and counted as in a poll, once."""

import json
import uuid

import fakeredis
import pytest

from contracts.errors import UnavailableError
from contracts.topics import DEAD_LETTERS, DOORS, READINGS_ARCHIVE, READINGS_RAW
from luftstrom.reconciliation import Door
from runtime.clock import SettableClock
from runtime.memory_log import MemoryLog, MemoryLogReader, MemoryPublisher
from scraper.backfill.door import FUTURE_S_MAX
from scraper.memory import REMEMBERED_S, totals_key
from scraper.parsing import parsed_record
from scraper.places import Places
from scraper.publishing import publish_readings
from scraper.reinjection import Outcome, RefusedRecord, Surroundings, only_one, reinject
from tests.scraper.feed import a_record

OBSERVED_AT_S = 1_767_225_600.0  # 2026-01-01 00:00, as the records say
NOW_S = OBSERVED_AT_S + 3_600


class House:
    """A door's surroundings; the totals are those of a door that refused `refused` records."""

    def __init__(self, client, reader, publisher):
        self.client, self.reader, self.publisher = client, reader, publisher
        self.clock = SettableClock(NOW_S)
        self.number = uuid.uuid4().int % 10**9 * 1_000  # other tests write to the same broker

    @property
    def around(self):
        return Surroundings(
            client=self.client,
            reader=self.reader,
            publisher=self.publisher,
            places=Places(),
            clock=self.clock,
        )

    def refused(self, number=0, *, reason="from_the_future", at_s=OBSERVED_AT_S, record=None, letter=None):
        record = record or json.dumps(a_record(self.number + number)).encode()
        return RefusedRecord(letter or f"0:{self.number + number}", reason, at_s, record)

    def counted(self, *refused, door="live"):
        """The same records, counted by their door as fetched and refused."""
        for each in refused:
            for name in ("fetched", "refused", f"refused_{each.reason}"):
                self.client.hincrby(totals_key(door), name, 1)
        return refused

    def reinject(self, *refused, door="live", **given):
        return list(reinject(refused, door, self.around, **given).values())

    def published(self, topic=READINGS_RAW):
        ours = (self.number + 7_000, self.number + 8_000)
        return [
            record
            for _, record in self.reader.records(topic.name)
            if record.key and ours[0] <= int(record.key) < ours[1]
        ]

    def publish_by_poll(self, each):
        reading = parsed_record(each.record, latest_s=NOW_S)
        publish_readings([reading], READINGS_RAW, self.publisher, Places(), now_s=NOW_S)
        self.publisher.flush()

    def totals(self, door="live"):
        return {name.decode(): int(n) for name, n in self.client.hgetall(totals_key(door)).items()}

    def door(self, door="live"):
        return Door.from_totals(self.client.hgetall(totals_key(door)))


@pytest.fixture
def house(redis_and_log):
    return House(*redis_and_log)


def test_a_record_that_can_be_read_now_is_published_as_in_a_poll(house):
    assert house.reinject(house.refused()) == [Outcome.PUBLISHED]

    (record,) = house.published()
    message = READINGS_RAW.decode(record.value)
    assert json.loads(message.record) == a_record(house.number)
    assert message.place.city == "Aberdeen"
    assert record.timestamp_ms == OBSERVED_AT_S * 1000
    assert int(record.key) == house.number + 7_000


def test_it_moves_from_refused_to_published_and_the_door_closes(house):
    house.reinject(*house.counted(house.refused(1), house.refused(2)))

    assert house.door() == Door(fetched=2, published=2, values_published=4)
    assert house.door().closes
    assert house.totals()["refused_from_the_future"] == 0


def test_housekeeping_values_are_counted_as_ignored(house):
    values = [{"value": "1", "value_type": "P1"}, {"value": "2", "value_type": "signal"}]
    record = json.dumps(a_record(house.number, sensordatavalues=values)).encode()
    house.reinject(*house.counted(house.refused(record=record)))

    assert house.door() == Door(fetched=1, published=1, values_published=2, values_ignored=1)


def test_what_an_archive_door_refused_goes_to_its_topic_and_totals(house):
    house.reinject(*house.counted(house.refused(), door="archive"), door="archive")

    assert len(house.published(READINGS_ARCHIVE)) == 1
    assert house.published(READINGS_RAW) == []
    assert house.door("archive") == Door(fetched=1, published=1, values_published=2)
    assert house.totals("live") == {}


def test_a_second_run_does_nothing(house):
    refused = house.counted(house.refused())
    house.reinject(*refused)
    before = house.totals()

    assert house.reinject(*refused) == [Outcome.DONE_BEFORE]
    assert len(house.published()) == 1
    assert house.totals() == before


@pytest.mark.parametrize("record", [b"{broken", b'{"id": 7}', b"\xff", b"[]", b""])
def test_what_still_cannot_be_read_stays_and_is_no_second_letter(house, record):
    refused = house.counted(RefusedRecord("0:1", "not_a_reading", OBSERVED_AT_S, record))
    before, letters = house.totals(), len(list(house.reader.records(DEAD_LETTERS.name)))

    assert house.reinject(*refused) == [Outcome.UNREADABLE]
    assert house.published() == []
    assert house.totals() == before
    assert len(list(house.reader.records(DEAD_LETTERS.name))) == letters
    assert house.reinject(*refused) == [Outcome.UNREADABLE]  # not marked: another parser may read it


def test_what_is_still_from_the_future_stays(house):
    house.clock = SettableClock(OBSERVED_AT_S - FUTURE_S_MAX - 1)

    assert house.reinject(house.refused(at_s=0.0)) == [Outcome.UNREADABLE]


def test_a_bad_record_costs_no_other(house):
    bad = RefusedRecord("0:bad", "not_a_reading", OBSERVED_AT_S, b"{}")

    assert house.reinject(bad, house.refused()) == [Outcome.UNREADABLE, Outcome.PUBLISHED]


def test_a_reading_that_a_poll_published_meanwhile_is_counted_as_repeated(house):
    refused = house.counted(house.refused())
    house.publish_by_poll(refused[0])

    assert house.reinject(*refused) == [Outcome.REPEATED]
    assert len(house.published()) == 1
    assert house.door() == Door(fetched=1, repeated=1)


def test_two_letters_of_one_reading_are_published_once(house):
    first, second = house.counted(house.refused(letter="0:1"), house.refused(letter="0:2"))

    assert house.reinject(first, second) == [Outcome.PUBLISHED, Outcome.REPEATED]
    assert len(house.published()) == 1
    assert house.door() == Door(fetched=2, published=1, repeated=1, values_published=2)


def test_two_letters_of_one_reading_in_two_runs_are_published_once(house):
    first, second = house.counted(house.refused(letter="0:1"), house.refused(letter="0:2"))
    house.reinject(first)

    assert house.reinject(second) == [Outcome.REPEATED]
    assert len(house.published()) == 1
    assert house.door() == Door(fetched=2, published=1, repeated=1, values_published=2)


def test_two_readings_of_a_sensor_in_one_second_are_both_published(house):
    twin = json.dumps(a_record(house.number, id=4_000_000_000 + house.number)).encode()

    assert house.reinject(house.refused(letter="0:1"), house.refused(letter="0:2", record=twin)) == [
        Outcome.PUBLISHED,
        Outcome.PUBLISHED,
    ]
    assert len(house.published()) == 2


def test_what_the_feed_may_still_show_waits(house):
    refused = house.counted(house.refused(at_s=NOW_S - REMEMBERED_S + 1))

    assert house.reinject(*refused) == [Outcome.TOO_YOUNG]
    assert house.published() == []


def test_a_dry_run_tells_the_same_and_writes_nothing(house):
    refused = house.counted(house.refused())
    before = house.totals()

    assert house.reinject(*refused, is_dry_run=True) == [Outcome.PUBLISHED]
    assert house.published() == []
    assert house.totals() == before
    assert house.reinject(*refused) == [Outcome.PUBLISHED]


class KilledError(Exception):
    """Stands for kill -9 at one step."""


@pytest.mark.parametrize("step", ["publish_readings", "_finish"])
def test_killed_before_or_after_publishing_it_goes_on_and_counts_once(house, monkeypatch, step):
    def killed(*_given, **_named):
        raise KilledError

    refused = house.counted(house.refused())
    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(f"scraper.reinjection.{step}", killed)
        house.reinject(*refused)

    assert house.reinject(*refused) == [Outcome.PUBLISHED]
    assert len(house.published()) == 1
    assert house.door() == Door(fetched=1, published=1, values_published=2)


def test_nothing_is_no_work(house):
    assert house.reinject() == []


def test_only_one_run_at_a_time():
    client = fakeredis.FakeRedis()
    with only_one(client), pytest.raises(UnavailableError, match="already"), only_one(client):
        pass
    with only_one(client):
        pass


def test_while_kafka_is_away_nothing_is_counted():
    log = MemoryLog()
    house = House(fakeredis.FakeRedis(), MemoryLogReader(log), MemoryPublisher(log))
    refused = house.counted(house.refused())
    log.is_available = False
    with pytest.raises(UnavailableError):
        house.reinject(*refused)
    log.is_available = True

    assert house.door() == Door(fetched=1, refused=1)
    assert house.reinject(*refused) == [Outcome.PUBLISHED]


def test_each_door_has_a_topic_of_readings():
    assert {topic.name for topic in DOORS.values()} == {READINGS_RAW.name, READINGS_ARCHIVE.name}

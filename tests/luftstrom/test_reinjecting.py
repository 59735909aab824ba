"""What can be is reinjected, what cannot is told, the sums close, memory is bounded."""

import json
import uuid

import pytest

from contracts.dead_letters import Reason, dead_letter
from contracts.topics import DEAD_LETTERS, READINGS_ARCHIVE
from luftstrom import reinjecting
from luftstrom.ledger import Ledger, is_set_aside
from luftstrom.letters import Choice, read_letters
from luftstrom.reconciliation import Reconciliation
from luftstrom.reinjecting import reinjected
from runtime.clock import SettableClock
from scraper.backfill import ArchiveDoor
from scraper.backfill.json_lines import records_of
from scraper.memory import Memory
from scraper.parsing import parsed_record
from scraper.places import Places
from scraper.reinjection import Outcome, Surroundings
from tests.scraper.feed import a_record

OBSERVED_AT_S = 1_767_225_600.0
FROM_LOG = ("readings-raw-v1", 0, 1)


class House:
    def __init__(self, client, reader, publisher):
        self.client, self.reader, self.publisher = client, reader, publisher
        self.clock = SettableClock(OBSERVED_AT_S - 3_600)
        # Other tests write to the same broker, some of them in transactions, whose marks are offsets too.
        self.first = 1 + max((record.offset for _, record in reader.records(DEAD_LETTERS.name)), default=-1)
        self.number = uuid.uuid4().int % 10**9 * 1_000

    def set_aside(self, *letters):
        for letter in letters:
            body = DEAD_LETTERS.encode(letter)
            self.publisher.publish(DEAD_LETTERS.name, body, key=None, timestamp_ms=0)
        self.publisher.flush()

    def backfill(self, *records):
        door = ArchiveDoor(self.publisher, Memory(self.client), Places(), self.clock)
        name = uuid.uuid4().hex
        door.take(records_of(records, name=name, latest_s=door.latest_s), name=name)

    def letters(self):
        return [each for each in read_letters(self.reader) if each.offset >= self.first]

    def reinject(self, choice=None, **given):
        around = Surroundings(
            client=self.client,
            reader=self.reader,
            publisher=self.publisher,
            places=Places(),
            clock=self.clock,
        )
        letters = filter((choice or Choice()).takes, self.letters())
        return reinjected(letters, around, **{"is_dry_run": False, **given})

    def values_in_log(self):
        """Values that our sensors have in the archive's topic: what the store would have."""
        bodies = [
            READINGS_ARCHIVE.decode(record.value).record
            for _, record in self.reader.records(READINGS_ARCHIVE.name)
            if self.number + 7_000 <= int(record.key) < self.number + 8_000
        ]
        return sum(parsed_record(body, latest_s=OBSERVED_AT_S).values for body in bodies)


@pytest.fixture
def house(redis_and_log):
    return House(*redis_and_log)


def a_line(house, number, **changes):
    return json.dumps(a_record(house.number + number, **changes)).encode()


def test_the_reconciliation_closes_before_and_after(house):
    def reconciliation():
        letters = [each.content for each in house.letters()]
        return Reconciliation(
            door=Ledger("", house.client, None).door(),
            stored_by_measure={"all": house.values_in_log()},
            set_aside_by_reason={"all": sum(map(is_set_aside, letters))},
        )

    future = a_line(house, 1), a_line(house, 2)
    house.backfill(*future, b"{broken", a_line(house, 3, timestamp="2025-12-31 00:00:00"))
    before = reconciliation()
    house.clock.advance(2 * 3_600)
    report = house.reinject()
    after = reconciliation()

    assert report.outcomes == {
        ("from_the_future", Outcome.PUBLISHED): 2,
        ("not_json", Outcome.UNREADABLE): 1,
    }
    assert (before.door.published, before.door.refused, before.closes) == (1, 3, True)
    assert (after.door.published, after.door.refused, after.closes) == (3, 1, True)
    assert after.door.fetched == before.door.fetched == 4
    assert after.stored == 6


def test_a_second_run_publishes_nothing(house):
    house.backfill(a_line(house, 1))
    house.clock.advance(2 * 3_600)
    house.reinject()
    report = house.reinject()

    assert report.outcomes == {("from_the_future", Outcome.DONE_BEFORE): 1}
    assert house.values_in_log() == 2


def test_only_what_is_chosen_is_reinjected(house):
    house.backfill(a_line(house, 1), b"{broken")
    house.clock.advance(2 * 3_600)

    assert house.reinject(Choice(reason="not_json")).outcomes == {("not_json", Outcome.UNREADABLE): 1}
    assert house.values_in_log() == 0


@pytest.mark.parametrize("is_dry_run", [True, False])
@pytest.mark.parametrize("reason", [Reason.NOT_A_NUMBER, Reason.UNKNOWN_MEASURE, Reason.NOT_A_READING])
def test_what_lies_in_the_log_is_told_and_left(house, reason, is_dry_run):
    house.set_aside(dead_letter(reason, a_line(house, 1), source=FROM_LOG))
    report = house.reinject(is_dry_run=is_dry_run)

    assert report.outcomes == {}
    assert [name for name, _ in report.remedies] == [reason]
    assert house.values_in_log() == 0
    assert len(house.letters()) == 1


def test_a_chunk_after_the_other_is_the_same(house, monkeypatch):
    monkeypatch.setattr(reinjecting, "CHUNK_LETTERS", 3)
    house.backfill(*(a_line(house, number) for number in range(8)))
    house.clock.advance(2 * 3_600)

    assert house.reinject().outcomes == {("from_the_future", Outcome.PUBLISHED): 8}
    assert house.values_in_log() == 16


def test_a_chunk_is_bounded_in_bytes(house, monkeypatch):
    sizes = []

    def reinject(refused, _door, _around, *, is_dry_run):
        sizes.append(len(refused))
        return dict.fromkeys((each.letter_id for each in refused), Outcome.UNREADABLE)

    monkeypatch.setattr(reinjecting, "CHUNK_BYTES", 250)
    monkeypatch.setattr(reinjecting, "reinject", reinject)
    house.set_aside(*(dead_letter(Reason.NOT_JSON, bytes([number]) * 100) for number in range(7)))
    house.reinject()

    assert sizes == [3, 3, 1]

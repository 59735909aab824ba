"""A poll publishes what is new, once, and remembers it only when it is safe."""

import json

import fakeredis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from contracts.errors import UnavailableError
from contracts.topics import DEAD_LETTERS, READINGS_RAW
from runtime.clock import SettableClock
from runtime.memory_log import MemoryLog, MemoryPublisher
from scraper.lease import HeldElsewhereError
from scraper.memory import Memory, totals_key
from scraper.metrics import Metrics
from scraper.places import Places
from scraper.polling import Poller, Rules
from scraper.selection import Selection
from scraper.shared_memory import SharedMemory
from tests.scraper.feed import a_record, payload_of
from tests.scraper.scripted_lease import ScriptedLease

NOON_2026_S = 1_767_268_800


class ScriptedSource:
    """Gives the payloads of a list, one a fetch."""

    origin = None

    def __init__(self, *payloads):
        self.payloads = list(payloads)
        self.accepted = 0

    def fetch(self):
        payload = self.payloads.pop(0)
        if isinstance(payload, Exception):
            raise payload
        return payload

    def accept(self):
        self.accepted += 1


class FlakyMemory(Memory):
    """A memory that can be away, or lose its answer after it did what it was told."""

    is_away = False
    is_unreadable = False
    loses_answers = False

    def mark(self):
        if self.is_away:
            raise UnavailableError("away")
        return super().mark()

    def published(self):
        if self.is_away or self.is_unreadable:
            raise UnavailableError("away")
        return super().published()

    def remember(self, published, totals, *, mark, after):
        if self.is_away:
            raise UnavailableError("away")
        is_done = super().remember(published, totals, mark=mark, after=after)
        if self.loses_answers:
            raise UnavailableError("no answer")
        return is_done


class House:
    """A poller with everything around it, and a look at what came of it."""

    def __init__(self):
        self.log = MemoryLog()
        self.redis = fakeredis.FakeRedis()
        self.memory = FlakyMemory(self.redis)
        self.source = ScriptedSource()
        self.lease = ScriptedLease()
        self.selection = Selection()
        self.clock = SettableClock(NOON_2026_S)
        self.restart()

    def restart(self):
        """A new process: nothing is known but what is in Redis and the log."""
        self.poller = self.another_poller(self.source)

    def another_poller(self, source, publisher=None):
        metrics = Metrics(CollectorRegistry())
        return Poller(
            source,
            publisher or MemoryPublisher(self.log),
            SharedMemory(self.memory, self.lease, metrics),
            places=Places(),
            clock=self.clock,
            metrics=metrics,
            rules=Rules(300.0, self.selection),
        )

    def poll(self, payload):
        self.source.payloads.append(payload)
        return self.poller.poll()

    def published(self):
        decoded = [READINGS_RAW.decode(body) for body in self.log.values(READINGS_RAW.name)]
        return [int(reading.record.split(b'"id":')[1].split(b",")[0]) - 3_490_000_000 for reading in decoded]

    def letters(self):
        return [DEAD_LETTERS.decode(body) for body in self.log.values(DEAD_LETTERS.name)]

    def totals(self):
        counts = self.redis.hgetall(totals_key("live"))
        return {name.decode(): int(value) for name, value in counts.items() if name != b"mark"}


@pytest.fixture
def house():
    return House()


def records(*numbers):
    return payload_of(*(a_record(number) for number in numbers))


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


def test_a_kill_between_publishing_and_remembering_repeats_and_never_loses(house):
    house.memory.is_away = True
    house.poll(records(1, 2))
    house.memory.is_away = False
    house.restart()  # with -9: what waited to be remembered is gone
    house.poll(records(1, 2, 3))

    assert house.published() == [1, 2, 1, 2, 3]
    assert house.totals()["published"] == house.totals()["fetched"] == 3


def test_while_redis_is_away_readings_are_published_and_counted_once_it_is_back(house):
    house.poll(records(1))
    house.memory.is_away = True
    house.poll(records(1, 2))
    house.poll(records(2, 3))
    house.memory.is_away = False
    house.poll(records(3, 4))

    assert house.published() == [1, 2, 3, 4]
    assert house.totals() | {"polls": 0} == {
        "fetched": 7, "published": 4, "repeated": 3, "values_published": 8, "polls": 0,
    }  # fmt: skip


def test_an_answer_of_redis_that_never_came_does_not_count_twice(house):
    house.memory.loses_answers = True
    house.poll(records(1, 2))
    house.memory.loses_answers = False
    house.poll(records(2, 3))

    assert house.published() == [1, 2, 3]
    assert house.totals()["published"] == 3
    assert house.totals()["fetched"] == 4


def test_an_answer_that_never_came_before_an_outage_does_not_count_twice(house):
    house.memory.loses_answers = True
    house.poll(records(1, 2))
    house.memory.loses_answers, house.memory.is_away = False, True
    house.poll(records(2, 3))
    house.memory.is_away = False
    house.poll(records(3, 4))

    assert house.published() == [1, 2, 3, 4]
    assert house.totals()["published"] == 4
    assert house.totals()["fetched"] == 6


def test_a_restart_while_redis_cannot_be_read_repeats_and_counts_once(house):
    house.poll(payload_of(a_record(1), a_record(2), {"bad": 1}))
    house.memory.is_unreadable = True
    house.restart()
    house.poll(payload_of(a_record(2), a_record(3), {"bad": 1}))
    house.memory.is_unreadable = False
    house.poll(records(3, 4))

    assert house.published() == [1, 2, 2, 3, 4]
    assert house.totals() == {
        "fetched": 8, "published": 4, "repeated": 3, "refused": 1, "refused_not_a_reading": 1,
        "values_published": 8, "polls": 3,
    }  # fmt: skip


def test_a_restart_while_redis_cannot_be_read_forgets_no_id(house):
    house.poll(records(1, 2))
    house.memory.is_unreadable = True
    house.restart()
    house.poll(records(3))
    house.memory.is_unreadable = False
    house.poll(records(1, 2, 3))

    assert house.published() == [1, 2, 3]


def test_where_another_scraper_polls_the_source_is_not_asked(house):
    house.lease.answers = [HeldElsewhereError("b:7", 5.0)]
    house.source.payloads = [records(1)]
    with pytest.raises(HeldElsewhereError):
        house.poller.poll()

    assert len(house.source.payloads) == 1
    assert house.lease.is_given_up


def test_a_poll_that_fetched_for_longer_than_its_lease_publishes_nothing_where_another_polls(house):
    house.lease.answers = [None, HeldElsewhereError("b:7", 5.0)]
    with pytest.raises(HeldElsewhereError):
        house.poll(records(1))

    assert house.published() == []
    assert house.source.accepted == 0
    assert house.totals() == {}


def test_without_redis_there_is_no_lease_and_readings_are_published_all_the_same(house):
    house.lease.answers = [UnavailableError("away")] * 3
    house.memory.is_away = True
    house.poll(records(1))

    assert house.published() == [1]


def test_a_poll_that_published_for_longer_than_its_lease_overwrites_nothing_and_counts_once(house):
    others = [ScriptedSource(records(2, 3))]

    class SlowPublisher(MemoryPublisher):
        """While it flushes first, another scraper polls: it sees one reading more, and one less."""

        def flush(self, timeout_s=None):
            super().flush(timeout_s)
            if others:
                house.another_poller(others.pop()).poll()

    house.lease.answers = [None] * 5 + [HeldElsewhereError("b:7", 5.0)]
    house.another_poller(ScriptedSource(records(1, 2)), SlowPublisher(house.log)).poll()

    assert house.published() == [1, 2, 2, 3]
    assert house.totals() | {"polls": 0} == {
        "fetched": 4, "published": 3, "repeated": 1, "values_published": 6, "polls": 0,
    }  # fmt: skip
    assert all(a_record(number)["id"] in house.memory.published() for number in (1, 2, 3))


def test_while_kafka_is_away_nothing_is_remembered_and_nothing_accepted(house):
    house.log.is_available = False
    with pytest.raises(UnavailableError):
        house.poll(records(1, 2))

    assert house.totals() == {}
    assert house.source.accepted == 0

    house.log.is_available = True
    house.poll(records(1, 2))

    assert house.published() == [1, 2]
    assert house.source.accepted == 1


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


def test_a_source_that_is_away_changes_nothing(house):
    house.poll(records(1))
    with pytest.raises(UnavailableError):
        house.poll(UnavailableError("away"))

    assert house.published() == [1]
    assert house.totals()["polls"] == 1


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    polls=st.lists(
        st.tuples(
            st.lists(st.integers(1, 12), max_size=8),
            st.sampled_from(["well", "no redis", "no answer of redis", "unreadable redis", "no kafka"]),
        ),
        max_size=6,
    )
)
def test_the_arithmetic_closes_through_any_outages(polls):
    house, fetched = House(), 0
    for numbers, trouble in [*polls, ([], "well")]:
        house.memory.is_away = trouble == "no redis"
        house.memory.is_unreadable = trouble == "unreadable redis"
        house.memory.loses_answers = trouble == "no answer of redis"
        house.log.is_available = trouble != "no kafka"
        payload = payload_of(*(a_record(n) if n % 4 else {"bad": n} for n in numbers))
        try:
            house.poll(payload)
        except UnavailableError:
            continue
        fetched += len(numbers)
    totals = {"fetched": 0, "published": 0, "repeated": 0, "refused": 0, **house.totals()}

    assert totals["fetched"] == totals["published"] + totals["repeated"] + totals["refused"] == fetched
    assert totals["published"] == len(set(house.published())) == len(house.published())
    assert totals["refused"] == len(house.letters())


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    polls=st.lists(
        st.tuples(
            st.lists(st.integers(1, 12), max_size=8),
            st.integers(0, 1),
            st.sampled_from(["well", "no redis", "no answer of redis", "unreadable redis"]),
        ),
        max_size=8,
    )
)
def test_the_arithmetic_closes_where_two_scrapers_poll_without_a_lease(polls):
    house = House()
    sources = [ScriptedSource(), ScriptedSource()]
    pollers = [house.another_poller(source) for source in sources]
    for numbers, which, trouble in [*polls, ([], 0, "well"), ([], 1, "well")]:
        house.memory.is_away = trouble == "no redis"
        house.memory.is_unreadable = trouble == "unreadable redis"
        house.memory.loses_answers = trouble == "no answer of redis"
        sources[which].payloads = [payload_of(*(a_record(n) if n % 4 else {"bad": n} for n in numbers))]
        pollers[which].poll()
    totals = {"fetched": 0, "published": 0, "repeated": 0, "refused": 0, **house.totals()}

    assert totals["fetched"] == totals["published"] + totals["repeated"] + totals["refused"]
    assert totals["published"] == len(set(house.published()))
    assert totals["refused"] == len({letter.original for letter in house.letters()})

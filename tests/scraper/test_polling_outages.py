"""Redis, Kafka or the process away in the middle of a poll: nothing is lost, and each reading counts once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import UnavailableError
from runtime.memory_log import MemoryPublisher
from scraper.lease import HeldElsewhereError
from tests.scraper.feed import a_record, payload_of
from tests.scraper.polling_house import House, ScriptedSource, records


@pytest.fixture
def house():
    return House()


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
        house.suffers(trouble)
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
        house.suffers(trouble)
        sources[which].payloads = [payload_of(*(a_record(n) if n % 4 else {"bad": n} for n in numbers))]
        pollers[which].poll()
    totals = {"fetched": 0, "published": 0, "repeated": 0, "refused": 0, **house.totals()}

    assert totals["fetched"] == totals["published"] + totals["repeated"] + totals["refused"]
    assert totals["published"] == len(set(house.published()))
    assert totals["refused"] == len({letter.original for letter in house.letters()})

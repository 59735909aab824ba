"""What is remembered, on the twin and on a real Valkey."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import UnavailableError
from runtime.redis_client import connect_redis
from scraper.memory import (
    PUBLISHED_KEY,
    REMEMBERED_S,
    SINCE_KEY,
    Memory,
    PublishedIds,
    added,
    refusal_id,
    totals_key,
)

NOW_S = 1_767_225_600


@pytest.fixture
def memory(client):
    return Memory(client)


def totals(client, door="live"):
    return {name.decode(): value.decode() for name, value in client.hgetall(totals_key(door)).items()}


@given(seen=st.dictionaries(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**32 - 1), max_size=30))
def test_ids_go_there_and_back(seen):
    unpacked = PublishedIds.unpacked(PublishedIds(seen).packed())

    assert len(unpacked) == len(seen)
    assert all(number in unpacked for number in seen)
    assert unpacked.packed() == PublishedIds(seen).packed()


@given(packed=st.binary(max_size=60))
def test_bytes_that_are_not_ours_are_no_ids(packed):
    assert len(PublishedIds.unpacked(packed)) <= 5


def test_the_ids_of_a_whole_network_are_small():
    ids = PublishedIds(dict.fromkeys(range(144_000), NOW_S))

    assert len(ids.packed()) < 2_000_000


def test_an_id_that_cannot_come_again_is_forgotten():
    early = PublishedIds().with_seen([1], now_s=NOW_S)
    later = early.with_seen([2], now_s=NOW_S + REMEMBERED_S + 1)

    assert 1 not in later
    assert 2 in later


def test_an_id_that_is_seen_again_is_kept():
    ids = PublishedIds().with_seen([1], now_s=NOW_S).with_seen([1], now_s=NOW_S + 600)

    assert 1 in ids.with_seen([], now_s=NOW_S + REMEMBERED_S + 1)


def test_a_refusal_never_meets_a_readings_id():
    assert refusal_id(b"broken") < 0
    assert refusal_id(b"broken") == refusal_id(b"broken") != refusal_id(b"Broken")


def test_ids_totals_and_mark_are_remembered_together(memory, client):
    assert memory.remember(PublishedIds({7: NOW_S}), {"fetched": 3, "published": 2}, mark="first", after="")
    assert memory.remember(PublishedIds({7: NOW_S, 8: NOW_S}), {"fetched": 1}, mark="second", after="first")

    assert 8 in memory.published()
    assert totals(client) == {"fetched": "4", "published": "2", "mark": "second"}
    assert memory.mark() == "second"


@pytest.mark.parametrize("after", ["", "an older one", None])
def test_who_did_not_read_what_was_remembered_last_changes_nothing(memory, client, after):
    memory.remember(PublishedIds({7: NOW_S}), {"fetched": 1}, mark="another's", after="")

    assert not memory.remember(PublishedIds({8: NOW_S}), {"fetched": 1}, mark="ours", after=after)
    assert 7 in memory.published()
    assert 8 not in memory.published()
    assert totals(client) == {"fetched": "1", "mark": "another's"}


def test_what_another_remembers_in_the_same_moment_is_not_overwritten(client):
    class Interrupted(Memory):
        """Another remembers right after the mark was looked at."""

        def mark(self):
            mark = super().mark()
            Memory(client).remember(PublishedIds({7: NOW_S}), {"fetched": 1}, mark="another's", after=mark)
            return mark

    assert not Interrupted(client).remember(PublishedIds({8: NOW_S}), {"fetched": 1}, mark="ours", after="")
    assert 7 in Memory(client).published()
    assert totals(client) == {"fetched": "1", "mark": "another's"}


def test_what_is_remembered_is_one_value_that_ends_by_itself(memory, client):
    memory.remember(PublishedIds({7: NOW_S}), {}, mark="first", after="")

    assert client.dbsize() == 2
    assert REMEMBERED_S < client.ttl(PUBLISHED_KEY) <= 2 * REMEMBERED_S


def test_nothing_is_known_at_first(memory):
    assert len(memory.published()) == 0
    assert memory.mark() == ""
    assert memory.position("a-file") == 0


def test_a_back_fill_remembers_its_position_with_its_totals(memory, client):
    memory.advance("a-file", 5000, {"fetched": 5000})
    memory.advance("a-file", 5010, {"fetched": 10})

    assert memory.position("a-file") == 5010
    assert memory.position("another") == 0
    assert totals(client, "archive") == {"fetched": "5010"}


def test_the_first_to_count_says_since_when(memory, client):
    memory.remember(PublishedIds(), {"fetched": 1}, mark="first", after="")
    since = client.get(SINCE_KEY)
    memory.advance("a-file", 1, {"fetched": 1})

    assert abs(int(since) - time.time()) < 60
    assert client.get(SINCE_KEY) == since


def test_totals_add_up():
    assert added({"fetched": 1}, {"fetched": 2, "refused": 1}) == {"fetched": 3, "refused": 1}


def test_a_redis_that_is_away_is_unavailable():
    memory = Memory(connect_redis("redis://127.0.0.1:1/0"))

    with pytest.raises(UnavailableError):
        memory.published()
    with pytest.raises(UnavailableError):
        memory.remember(PublishedIds(), {}, mark="x", after="")

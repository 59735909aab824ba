"""One scraper polls at a time, on a real Valkey: to renew and release a lease are scripts of it."""

import time

import pytest
from prometheus_client import CollectorRegistry

from contracts.errors import UnavailableError
from runtime.clock import SettableClock
from runtime.redis_client import connect_redis
from scraper.lease import LEASE_KEY, HeldElsewhereError, Lease
from scraper.metrics import Metrics

LEASE_S = 30.0
LIMIT_S = 10.0


@pytest.fixture
def client(valkey):
    client = connect_redis(valkey.url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def clock():
    return SettableClock()


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def a_lease(client, clock, registry):
    metrics = Metrics(registry)

    def build(holder, *, seconds=LEASE_S, kept_s=0.0):
        return Lease(client, holder=holder, seconds=seconds, kept_s=kept_s, clock=clock, metrics=metrics)

    return build


@pytest.fixture
def lost(registry):
    return lambda: registry.get_sample_value("scraper_lost_leases_total")


def wait_until_it_ended(client):
    ends_at_s = time.monotonic() + LIMIT_S
    while client.exists(LEASE_KEY):
        assert time.monotonic() < ends_at_s


pytestmark = pytest.mark.integration


def test_the_second_scraper_learns_who_polls_and_for_how_long(a_lease):
    a_lease("one:1").keep()
    with pytest.raises(HeldElsewhereError, match="one:1 has the lease") as held:
        a_lease("two:2").keep()

    assert held.value.holder == "one:1"
    assert 0.0 < held.value.left_s <= LEASE_S


def test_who_gives_it_up_lets_the_next_one_poll(a_lease):
    first = a_lease("one:1")
    first.keep()
    first.give_up()
    a_lease("two:2").keep()


def test_what_is_kept_is_renewed(a_lease, client):
    lease = a_lease("one:1")
    lease.keep()
    client.pexpire(LEASE_KEY, 1_000)
    lease.keep()

    assert client.pttl(LEASE_KEY) > LEASE_S * 1000 / 2


def test_the_lease_of_a_process_that_died_ends_by_itself(a_lease, client):
    a_lease("one:1", seconds=0.05).keep()
    wait_until_it_ended(client)
    a_lease("two:2").keep()


def test_who_lost_it_to_another_knows_and_takes_nothing_away(a_lease, client, lost):
    first, second = a_lease("one:1", seconds=0.05), a_lease("two:2")
    first.keep()
    wait_until_it_ended(client)
    second.keep()
    with pytest.raises(HeldElsewhereError, match="two:2"):
        first.keep()
    first.give_up()

    assert lost() == 1.0
    assert client.get(LEASE_KEY).startswith(b"two:2 ")


def test_who_lost_it_to_nobody_knows_and_has_it_again(a_lease, client, lost):
    lease = a_lease("one:1", seconds=0.05)
    lease.keep()
    wait_until_it_ended(client)
    lease.keep()

    assert lost() == 1.0


def test_giving_up_what_another_has_by_now_leaves_it_to_the_other(a_lease, client):
    first, second = a_lease("one:1", seconds=0.05), a_lease("two:2")
    first.keep()
    wait_until_it_ended(client)
    second.keep()
    first.give_up()

    assert client.get(LEASE_KEY).startswith(b"two:2 ")


def test_after_a_poll_it_is_kept_until_the_service_may_be_asked_again(a_lease, client, clock):
    lease = a_lease("one:1", kept_s=60.0)
    lease.keep()
    clock.advance(20.0)
    lease.give_up()

    assert 39.0 < client.pttl(LEASE_KEY) / 1000 <= 40.0
    with pytest.raises(HeldElsewhereError):
        a_lease("two:2").keep()


def test_its_own_next_poll_is_not_a_loss(a_lease, client, lost):
    lease = a_lease("one:1", kept_s=60.0)
    lease.keep()
    lease.give_up()
    lease.keep()
    client.delete(LEASE_KEY)
    lease.give_up()
    lease.keep()

    assert lost() == 0.0


def test_a_lease_whose_answer_never_came_is_ours(a_lease, client):
    lease = a_lease("one:1")
    client.set(LEASE_KEY, lease._token, px=1_000)
    lease.keep()
    lease.give_up()

    assert not client.exists(LEASE_KEY)


def test_without_redis_there_is_no_lease_and_nothing_to_give_up(clock, registry):
    client = connect_redis("redis://127.0.0.1:1/0")
    lease = Lease(client, holder="x", seconds=1.0, kept_s=0.0, clock=clock, metrics=Metrics(registry))

    with pytest.raises(UnavailableError):
        lease.keep()
    lease.give_up()

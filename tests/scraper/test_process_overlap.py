"""Two scrapers at once do no harm: processes on a real broker and a real Valkey."""

import subprocess
import sys

import pytest
from prometheus_client import CollectorRegistry

from runtime.clock import SystemClock
from runtime.redis_client import connect_redis
from scraper.lease import LEASE_KEY, Lease
from scraper.metrics import Metrics
from tests.scraper.processes import (
    LIMIT_S,
    answers,
    events_of,
    metric,
    once,
    polling,
    totals,
    wait_until,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def client(environment, valkey):
    client = connect_redis(valkey.url)
    yield client
    client.close()


@pytest.fixture
def anothers_lease(client):
    lease = Lease(
        client, holder="another:1", seconds=LIMIT_S, kept_s=0.0, clock=SystemClock(),
        metrics=Metrics(CollectorRegistry()),
    )  # fmt: skip
    lease.keep()
    return lease


def test_a_second_one_shot_ends_well_and_says_who_polls(environment, anothers_lease, valkey):
    code, events = once(environment)

    assert code == 0
    assert [event["event"] for event in events] == ["poll_left_to_another"]
    assert events[0]["holder"] == "another:1"
    assert totals(valkey) == {}


def test_a_second_endless_one_stands_by_until_the_first_one_ends(environment, anothers_lease, valkey):
    with polling(environment) as (_, url):
        wait_until(lambda: answers(f"{url}/readyz"))

        assert metric(url, "scraper_polls_total", result="left_to_another") > 0
        assert totals(valkey) == {}

        anothers_lease.give_up()
        wait_until(lambda: totals(valkey).get("published"))


def test_who_was_overtaken_says_so_and_publishes_and_counts_nothing_twice(
    environment, tee, raw_topic, client, valkey
):
    environment = {**environment, "SCRAPER_SOURCE_URL": tee.url, "SCRAPER_LEASE_S": "0.5"}
    overtaking = []

    def overtake():
        tee.in_mid_answer = None
        wait_until(lambda: not client.exists(LEASE_KEY))
        overtaking.append(once(environment))

    tee.in_mid_answer = overtake
    with subprocess.Popen(
        [sys.executable, "-m", "scraper"], env=environment, stderr=subprocess.PIPE, text=True
    ) as slow:
        events = events_of(slow.communicate(timeout=LIMIT_S)[1])

    assert [code for code, _ in overtaking] == [0]
    assert slow.returncode == 0
    assert "lease_lost" in [event["event"] for event in events]
    assert sorted(raw_topic.ids()) == sorted(tee.ids)
    assert totals(valkey)["published"] == len(tee.ids)
    assert totals(valkey)["fetched"] == sum(len(ids) for ids in tee.ids_by_answer)

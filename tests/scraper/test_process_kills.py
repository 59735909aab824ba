"""kill -9 at random moments of a poll: nothing is lost, and only the interrupted poll repeats."""

import random
import signal
import threading
from collections import Counter

import pytest

from runtime.redis_client import connect_redis
from scraper.lease import LEASE_KEY
from scraper.memory import Memory
from tests.scraper.processes import LIMIT_S, once, polling, totals, wait_until

pytestmark = pytest.mark.integration

KILLS = 20
SEED = 1_767_225_600
# A poll of the test takes about half a second: each moment reaches into the next step, and beyond the last.
DELAY_S_MAX = 0.2


@pytest.fixture
def client(valkey):
    client = connect_redis(valkey.url)
    yield client
    client.close()


@pytest.fixture
def wait_by_moment(large_tee, raw_topic, client):
    """Waits for a moment of a poll, by its name."""
    tee, memory = large_tee, Memory(client)

    def in_mid_answer():
        reached = threading.Event()
        tee.in_mid_answer = reached.set
        assert reached.wait(LIMIT_S)
        tee.in_mid_answer = None

    def changed(value):
        before = value()
        wait_until(lambda: value() != before, every_s=0.0)

    return {
        "asked": lambda: changed(lambda: len(tee.ids_by_answer)),
        "half an answer": in_mid_answer,
        "answered": lambda: changed(lambda: tee.served),
        "published": lambda: changed(raw_topic.ends),
        "remembered": lambda: changed(memory.mark),
    }


def test_killed_at_random_moments_it_loses_nothing_and_repeats_the_interrupted_poll_at_most(
    environment, large_tee, raw_topic, client, valkey, wait_by_moment
):
    environment = {
        **environment,
        "SCRAPER_SOURCE_URL": large_tee.url,
        "SCRAPER_POLL_INTERVAL_S": "0.05",
        "SCRAPER_LEASE_S": "0.3",
    }
    chance = random.Random(SEED)  # noqa: S311 - the same moments each time
    kills = [
        (chance.choice(list(wait_by_moment)), chance.choice([0.0, chance.uniform(0, DELAY_S_MAX)]))
        for _ in range(KILLS)
    ]
    interrupted = Counter()
    for number, (moment, delay_s) in enumerate(kills):
        with polling(environment) as (process, _):
            if number % 2 == 0:  # the others die in the very poll that is to make good for the last one
                wait_by_moment["remembered"]()
            wait_by_moment[moment]()
            threading.Event().wait(delay_s)  # the moment itself is what is tested
            process.kill()
            assert process.wait(LIMIT_S) == -signal.SIGKILL
        interrupted.update(large_tee.ids_by_answer[-1])
    wait_until(lambda: not client.exists(LEASE_KEY))
    code, _ = once(environment)
    published = Counter(raw_topic.ids())
    repeats = published - Counter(large_tee.ids)
    told = f"seed {SEED}, kills {kills}"

    assert code == 0, told
    assert set(published) == large_tee.ids, told
    assert repeats <= interrupted, told
    assert totals(valkey)["published"] == len(large_tee.ids), told

"""The first poll of a whole network, nothing known: all have their places, and a small machine bears it."""

import json
import subprocess
import sys
import time

import pytest
from prometheus_client import CollectorRegistry

from benchmarks.whole_network import payloads_of
from contracts.topics import READINGS_RAW
from local_stack.recording_server.timeline import WINDOW_S
from runtime.clock import SystemClock
from runtime.memory_log import MemoryLog, MemoryPublisher
from runtime.redis_client import connect_redis
from scraper.memory import Memory
from scraper.metrics import Metrics
from scraper.place_cache import RedisPlaceCache
from scraper.places import Places
from scraper.polling import Poller, Rules
from scraper.shared_memory import SharedMemory
from scraper.warming import positions_in
from tests.scraper.feed import FixedSource
from tests.scraper.processes import LIMIT_S, events_of, playing
from tests.scraper.scripted_lease import ScriptedLease

pytestmark = pytest.mark.integration

MIB = 1024 * 1024


@pytest.fixture
def client(valkey):
    client = connect_redis(valkey.url)
    client.flushall()
    yield client
    client.close()


def test_every_position_of_a_whole_network_has_a_place_in_the_first_poll(client):
    log, cache, payload = MemoryLog(), RedisPlaceCache(client), payloads_of()[0]
    poller = Poller(
        FixedSource(payload),
        MemoryPublisher(log),
        SharedMemory(Memory(client), ScriptedLease(), Metrics(CollectorRegistry())),
        places=Places(cache),
        clock=SystemClock(),
        metrics=Metrics(CollectorRegistry()),
        rules=Rules(future_s_max=300.0),
    )
    poller.poll()
    places = [json.loads(body)["place"] for body in log.values(READINGS_RAW.name)]

    assert len(places) == len(json.loads(payload)) > 47_000
    assert all(place and place["country"] and place["city"] and place["geohash"] for place in places)
    positions = positions_in([payload])
    assert len(cache.known(positions)) == len(positions) > 11_000


def test_the_first_poll_of_a_whole_network_takes_at_most_250_megabytes(environment):
    with playing("--network", "--starts-at", str(int(time.time()) - WINDOW_S)) as feed:
        ended = subprocess.run(
            [sys.executable, "-m", "benchmarks.measured", "scraper"],
            env={**environment, "SCRAPER_SOURCE_URL": feed},
            capture_output=True,
            text=True,
            timeout=4 * LIMIT_S,
            check=True,
        )
    (summary,) = [event for event in events_of(ended.stderr) if event["event"] == "poll_done"]

    assert summary["published"] == summary["fetched"] > 47_000
    assert json.loads(ended.stdout)["peak_mib"] * MIB < 250e6

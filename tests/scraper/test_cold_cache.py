"""The first poll of a whole network, nothing known: every position has a place."""

import json

import pytest
from prometheus_client import CollectorRegistry

from benchmarks.whole_network import FixedSource, payloads_of
from contracts.topics import READINGS_RAW
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
from tests.scraper.scripted_lease import ScriptedLease

pytestmark = pytest.mark.integration


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

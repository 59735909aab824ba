"""A scraper's surroundings: a recording, topics, an empty Valkey."""

import os
import threading
import time
from contextlib import contextmanager

import fakeredis
import pytest
import requests

from contracts.topics import TOPICS
from local_stack.provisioning import create_topics
from runtime.redis_client import connect_redis
from tests.scraper.processes import LIMIT_S, RawTopic, Tee, playing

FIRST_WINDOW_S = 300
DAY_S = 86_400


@pytest.fixture(params=["twin", pytest.param("real", marks=pytest.mark.integration)])
def client(request):
    """An empty Redis: the twin, then a real one."""
    if request.param == "twin":
        yield fakeredis.FakeRedis()
        return
    real = connect_redis(request.getfixturevalue("valkey").url)
    real.flushall()
    yield real
    real.close()


@pytest.fixture(scope="module")
def feed():
    """A recording that began five minutes ago."""
    with playing("--starts-at", str(int(time.time()) - FIRST_WINDOW_S)) as url:
        yield url


@contextmanager
def teeing(**given):
    """A recording of a day, each record of it in five answers; the first one is a full window."""
    with playing("--starts-at", str(int(time.time()) - DAY_S), "--advance-per-fetch", "60") as feed:
        for _ in range(FIRST_WINDOW_S // 60):
            requests.get(feed, headers={"User-Agent": "a test"}, timeout=LIMIT_S)
        tee = Tee(feed, **given)
        thread = threading.Thread(target=tee.server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield tee
        tee.server.shutdown()
        tee.server.server_close()
        thread.join()


@pytest.fixture
def tee():
    with teeing() as tee:
        yield tee


@pytest.fixture
def large_tee():
    """So many records that a poll takes its time."""
    with teeing(copies=50) as tee:
        yield tee


@pytest.fixture
def raw_topic(environment, kafka):
    topic = RawTopic(kafka.bootstrap_servers)
    yield topic
    topic.consumer.close()


@pytest.fixture
def environment(feed, kafka, valkey):
    create_topics(kafka.bootstrap_servers, TOPICS, lambda _line: None)
    client = connect_redis(valkey.url)
    client.flushall()
    client.close()
    return {
        **os.environ,
        "SCRAPER_SOURCE_URL": feed,
        "SCRAPER_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "SCRAPER_REDIS_URL": valkey.url,
        "SCRAPER_POLL_INTERVAL_S": "0.5",
    }

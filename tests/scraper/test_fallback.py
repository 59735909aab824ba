"""Where the feed fails the next poll asks the next address, if it was told to; against a real HTTP server."""

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from contracts.errors import UnavailableError
from runtime.settings import SettingsError, read_settings
from scraper.fallback import FallbackSource
from scraper.metrics import Metrics
from scraper.sensor_community_source import AskedToWaitError, SensorCommunitySource
from scraper.settings import Settings
from tests.scraper.http_feed import FEED_PATH, serving_feed

V2_PATH, FILTER_PATH = "/static/v2/data.json", "/airrohr/v1/filter/country=BE,DE"


@pytest.fixture
def feed():
    with serving_feed() as feed:
        yield feed


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def a_source(feed, registry):
    metrics = Metrics(registry)

    def build(fallback):
        settings = settings_of(source_url=feed.url, fallback=fallback, countries="be,DE")
        origins = (None, *settings.fallback_urls)
        return FallbackSource([SensorCommunitySource(settings, origin=each) for each in origins], metrics)

    return build


def settings_of(**given):
    return read_settings(Settings, kafka_bootstrap_servers="x", redis_url="x", **given)


def failing_fetches(source, count):
    for _ in range(count):
        with pytest.raises(UnavailableError):
            source.fetch()


def test_it_is_off_unless_switched_on(feed, a_source):
    feed.status = 500
    failing_fetches(a_source(""), 3)

    assert feed.asked_paths == [FEED_PATH] * 3


def test_the_addresses_are_asked_in_order_one_a_fetch_and_then_the_feed_again(feed, a_source):
    feed.status = 500
    failing_fetches(a_source("v2,filter"), 4)

    assert feed.asked_paths == [FEED_PATH, V2_PATH, FILTER_PATH, FEED_PATH]


def test_the_order_is_the_one_that_is_set(feed, a_source):
    feed.status = 500
    failing_fetches(a_source("filter,v2"), 3)

    assert feed.asked_paths == [FEED_PATH, FILTER_PATH, V2_PATH]


def test_who_answers_is_told_and_the_feed_is_asked_next(feed, a_source, registry):
    feed.status_by_path, feed.body_by_path = {FEED_PATH: 500}, {V2_PATH: b'[{"an": "average"}]'}
    source = a_source("v2")
    failing_fetches(source, 1)
    with capture_logs() as events:
        payload = source.fetch()

    assert payload == b'[{"an": "average"}]'
    assert source.origin == "v2"
    assert [(event["event"], event["to"]) for event in events] == [("fell_back", "v2")]
    assert registry.get_sample_value("scraper_fallback_requests_total", {"origin": "v2"}) == 1.0

    feed.status_by_path = {}
    source.fetch()

    assert source.origin is None
    assert feed.asked_paths == [FEED_PATH, V2_PATH, FEED_PATH]


def test_an_unchanged_feed_is_an_answer(feed, a_source):
    feed.status, feed.body = 304, b""
    source = a_source("v2")

    assert source.fetch() is None
    assert source.fetch() is None
    assert feed.asked_paths == [FEED_PATH] * 2


def test_a_feed_that_asks_us_to_wait_is_waited_for(feed, a_source):
    feed.status, feed.headers = 429, {"Retry-After": "7"}
    source = a_source("v2")
    for _ in range(2):
        with pytest.raises(AskedToWaitError):
            source.fetch()

    assert feed.asked_paths == [FEED_PATH] * 2


def test_what_one_address_showed_is_no_condition_for_another(feed, a_source):
    feed.headers, feed.status_by_path = {"ETag": '"7"'}, {FEED_PATH: 500}
    source = a_source("v2")
    failing_fetches(source, 1)
    source.fetch()
    source.accept()
    failing_fetches(source, 1)
    source.fetch()

    assert [asked["If-None-Match"] for asked in feed.asked] == [None, None, None, '"7"']


def test_an_address_that_nobody_knows_is_refused():
    with pytest.raises(SettingsError, match="SCRAPER_FALLBACK is wrong: v3: not of v2, filter"):
        settings_of(source_url="http://127.0.0.1:1/", fallback="v3")


def test_a_filter_wants_countries(monkeypatch):
    monkeypatch.delenv("SCRAPER_COUNTRIES", raising=False)
    with pytest.raises(SettingsError, match="set SCRAPER_COUNTRIES"):
        settings_of(source_url="http://127.0.0.1:1/", fallback="filter")

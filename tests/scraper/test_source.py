"""The client of the feed, against a real HTTP server."""

import email.utils
import gzip
import time

import pytest

from contracts.errors import UnavailableError
from scraper.sensor_community_source import RETRY_AFTER_S_MAX, AskedToWaitError, SensorCommunitySource
from scraper.settings import Settings
from tests.scraper.http_feed import serving_feed


@pytest.fixture
def feed():
    with serving_feed() as feed:
        yield feed


@pytest.fixture
def url(feed):
    return feed.url


def a_source(url, **given):
    settings = Settings(
        kafka_bootstrap_servers="x", redis_url="x", source_url=url, contact="me@example.org", **given
    )
    return SensorCommunitySource(settings)


def test_we_say_who_we_are_and_take_gzip(url, feed):
    a_source(url).fetch()

    assert feed.asked[0]["User-Agent"].startswith("Luftstrom/")
    assert "(+me@example.org)" in feed.asked[0]["User-Agent"]
    assert feed.asked[0]["Accept-Encoding"] == "gzip"


def test_a_packed_answer_is_unpacked(url, feed):
    feed.body, feed.headers = gzip.compress(b'[{"id": 1}]'), {"Content-Encoding": "gzip"}

    assert a_source(url).fetch() == b'[{"id": 1}]'


def test_only_what_was_accepted_is_not_asked_for_again(url, feed):
    feed.headers = {"ETag": '"7"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
    source = a_source(url)
    source.fetch()
    source.fetch()
    source.accept()
    source.fetch()

    assert [asked["If-None-Match"] for asked in feed.asked] == [None, None, '"7"']
    assert feed.asked[2]["If-Modified-Since"] == "Thu, 01 Jan 2026 00:00:00 GMT"


def test_an_unchanged_feed_is_none(url, feed):
    feed.status, feed.body = 304, b""

    assert a_source(url).fetch() is None


@pytest.mark.parametrize(("status", "body"), [(500, b"[]"), (404, b"[]"), (403, b""), (200, b"")])
def test_an_error_or_an_empty_answer_is_unavailable(url, feed, status, body):
    feed.status, feed.body = status, body

    with pytest.raises(UnavailableError):
        a_source(url).fetch()


def test_more_than_the_limit_is_not_read(url, feed):
    feed.body = b" " * 2_000_000

    with pytest.raises(UnavailableError, match="SCRAPER_PAYLOAD_BYTES_MAX"):
        a_source(url, payload_bytes_max=1_000_000).fetch()


def test_a_packed_bomb_is_not_unpacked_beyond_the_limit(url, feed):
    feed.body, feed.headers = gzip.compress(b" " * 50_000_000), {"Content-Encoding": "gzip"}

    with pytest.raises(UnavailableError, match="SCRAPER_PAYLOAD_BYTES_MAX"):
        a_source(url, payload_bytes_max=1_000_000).fetch()


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("99999999", RETRY_AFTER_S_MAX)])
def test_we_wait_as_many_seconds_as_we_are_asked_to(url, feed, value, seconds):
    feed.status, feed.headers = 429, {"Retry-After": value}

    with pytest.raises(AskedToWaitError) as asked:
        a_source(url).fetch()
    assert asked.value.seconds == seconds


@pytest.mark.parametrize(("ahead_s", "seconds"), [(600, 600.0), (-60, 0.0)])
def test_we_wait_until_the_moment_we_are_asked_to(url, feed, ahead_s, seconds):
    moment = email.utils.formatdate(time.time() + ahead_s, usegmt=True)
    feed.status, feed.headers = 503, {"Retry-After": moment}

    with pytest.raises(AskedToWaitError) as asked:
        a_source(url).fetch()
    assert asked.value.seconds == pytest.approx(seconds, abs=60.0)


@pytest.mark.parametrize("value", ["soon", "", "-1", "²"])
def test_a_retry_after_that_says_nothing_is_a_plain_error(url, feed, value):
    feed.status, feed.headers = 503, {"Retry-After": value}

    with pytest.raises(UnavailableError) as refused:
        a_source(url).fetch()
    assert not isinstance(refused.value, AskedToWaitError)


def test_an_answer_that_breaks_off_is_unavailable(url, feed):
    feed.headers = {"Content-Length": "1000"}

    with pytest.raises(UnavailableError):
        a_source(url, read_timeout_s=1.0).fetch()


def test_a_server_that_is_not_there_is_unavailable():
    with pytest.raises(UnavailableError, match="no answer from http://127"):
        a_source("http://127.0.0.1:1/data.json").fetch()

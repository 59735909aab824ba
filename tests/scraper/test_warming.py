"""The cache of places is filled ahead of the polls, from any feed, and may be stopped."""

import fakeredis
import pytest

from contracts.errors import BadInputError, UnavailableError
from runtime.redis_client import connect_redis
from scraper import warming
from scraper.place_cache import RedisPlaceCache
from scraper.warming import positions_in, warm
from tests.scraper.feed import a_record, payload_of

ABERDEEN = (57.13, -2.086)


def at(number, latitude, longitude):
    return a_record(number, location={"latitude": str(latitude), "longitude": str(longitude)})


def positions(count):
    return [(round(number * 0.01, 4), 1.0) for number in range(count)]


@pytest.fixture
def cache():
    return RedisPlaceCache(fakeredis.FakeRedis())


def test_positions_are_those_of_a_feed_each_once_without_the_missing():
    feed = payload_of(at(1, 57.13, -2.086), at(2, 57.130001, -2.086), at(3, 0, 0), a_record(4, location=None))

    assert positions_in([feed]) == [ABERDEEN]


def test_positions_are_those_of_a_file_of_records_whatever_else_is_in_it():
    lines = [payload_of(at(1, 48.78, 9.18))[1:-1], b"nonsense", payload_of(at(2, *ABERDEEN))[1:-1]]

    assert positions_in(lines) == [(48.78, 9.18), ABERDEEN]


@pytest.mark.parametrize("line", [b"[]", b"", b"nonsense", payload_of({"id": 1})])
def test_a_feed_without_a_position_is_refused(line):
    with pytest.raises(BadInputError, match="no record of it has a position"):
        positions_in([line])


def test_every_position_has_a_place_and_what_was_kept_is_not_looked_up_again(cache):
    progress = []
    added = warm(cache, positions(2_500), on_progress=lambda *step: progress.append(step))

    assert added == cache.count() == 2_500
    assert progress == [(1000, 2500), (2000, 2500), (2500, 2500)]
    assert warm(cache, positions(2_600), on_progress=lambda *_: None) == 100


def test_what_was_done_before_a_stop_is_kept(cache):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        warm(cache, positions(2_500), on_progress=stop)

    assert cache.count() == warming.CHUNK_POSITIONS


def test_without_redis_it_says_so():
    away = RedisPlaceCache(connect_redis("redis://127.0.0.1:1/0"))

    with pytest.raises(UnavailableError, match="Redis"):
        warm(away, [ABERDEEN], on_progress=lambda *_: None)

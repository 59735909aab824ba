"""Places are refined one at a time, beside the polls; a failure comes again and is never an answer."""

import queue
import threading
import time
from contextlib import contextmanager

import fakeredis
import pytest
from prometheus_client import CollectorRegistry

from contracts.errors import UnavailableError
from contracts.places import DetailedPlace, PlaceOrigin
from scraper.metrics import Metrics
from scraper.nominatim import Nominatim
from scraper.place_cache import KEPT_S_BY_ORIGIN, PREFIX, RedisPlaceCache
from scraper.places import Places
from scraper.refinement import Refinement, pause_s
from scraper.sensor_community_source import AskedToWaitError
from tests.scraper.nominatim_server import running_nominatim

LIMIT_S = 5.0
ABERDEEN, STUTTGART, PARIS = (57.13, -2.086), (48.78, 9.18), (48.86, 2.35)
BETTER = DetailedPlace(
    country="GB", country_name="United Kingdom", admin_area="Scotland", city="Footdee", geohash="gfnt081",
    origin=PlaceOrigin.NOMINATIM,
)  # fmt: skip


class House:
    """A refinement whose questions the test answers, one after the other."""

    def __init__(self, **limits):
        self.questions, self.answers, self.learnt = queue.Queue(), queue.Queue(), queue.Queue()
        self.registry = CollectorRegistry()
        limits = {"interval_s": 0.0, "failure_wait_s": 0.0, **limits}
        self.refinement = Refinement(self.ask, metrics=Metrics(self.registry), **limits)

    def ask(self, position):
        self.questions.put(position)
        answer = self.answers.get(timeout=LIMIT_S)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def asked(self):
        return self.questions.get(timeout=LIMIT_S)

    def count(self, outcome):
        return self.registry.get_sample_value("scraper_place_refinements_total", {"outcome": outcome}) or 0

    def waiting(self):
        return self.registry.get_sample_value("scraper_places_waiting")


@contextmanager
def house(learn=None, **limits):
    made = House(**limits)
    made.refinement.start(learn or made.learnt.put)
    try:
        yield made
    finally:
        made.answers.put(None)  # to a question under way
        made.refinement.close()


def test_an_answer_is_learnt():
    with house() as made:
        made.refinement.offer([ABERDEEN])
        made.answers.put(BETTER)

        assert made.learnt.get(timeout=LIMIT_S) == {ABERDEEN: BETTER}


def test_the_newest_position_comes_first():
    with house() as made:
        made.refinement.offer([ABERDEEN])
        assert made.asked() == ABERDEEN
        made.refinement.offer([STUTTGART])
        made.refinement.offer([PARIS])
        made.answers.put(BETTER)
        assert made.asked() == PARIS
        made.answers.put(BETTER)
        assert made.asked() == STUTTGART


def test_a_failure_comes_again_after_all_others_and_is_not_learnt():
    with house() as made:
        made.refinement.offer([STUTTGART, ABERDEEN])
        for answer in (UnavailableError("away"), BETTER, BETTER):
            made.answers.put(answer)
        order = [made.asked() for _ in range(3)]

        assert order == [ABERDEEN, STUTTGART, ABERDEEN]
        assert [list(made.learnt.get(timeout=LIMIT_S)) for _ in range(2)] == [[STUTTGART], [ABERDEEN]]
        assert made.count("failed") == 1


def test_what_is_unknown_there_is_neither_learnt_nor_asked_again():
    with house() as made:
        made.refinement.offer([ABERDEEN])
        made.answers.put(None)
        assert made.asked() == ABERDEEN
        made.refinement.offer([STUTTGART])
        made.answers.put(BETTER)

        assert made.learnt.get(timeout=LIMIT_S) == {STUTTGART: BETTER}
        assert made.count("unknown") == 1
        assert made.waiting() == 0


def test_an_answer_that_could_not_be_kept_comes_again():
    results = iter([UnavailableError("Redis is away"), None])
    kept = threading.Event()

    def learn(_place_by_position):
        result = next(results)
        if result is not None:
            raise result
        kept.set()

    with house(learn) as made:
        made.refinement.offer([ABERDEEN])
        made.answers.put(BETTER)
        made.answers.put(BETTER)

        assert kept.wait(LIMIT_S)


def test_of_too_many_the_oldest_are_dropped_and_counted():
    made = House(waiting_max=2)
    made.refinement.offer([ABERDEEN, STUTTGART, PARIS])
    made.refinement.start(made.learnt.put)
    for _ in range(3):
        made.answers.put(BETTER)

    assert [made.asked(), made.asked()] == [PARIS, STUTTGART]
    assert made.count("dropped") == 1
    made.refinement.close()


def test_a_pause_grows_with_each_failure_to_an_hour():
    pauses = [pause_s(failures, first_s=8.0, asked_s=0.0) for failures in range(1, 2_000)]

    assert 4.0 <= pauses[0] <= 8.0 <= pauses[1] <= 16.0
    assert 1_800.0 <= min(pauses[20:]) <= max(pauses) <= 3_600.0


def test_a_pause_is_as_long_as_the_service_asks_for():
    with house() as made:
        made.refinement.offer([ABERDEEN])
        made.answers.put(AskedToWaitError("busy", 600.0))
        made.answers.put(BETTER)

        assert made.asked() == ABERDEEN
        with pytest.raises(queue.Empty):
            made.questions.get(timeout=0.2)
    assert pause_s(1, first_s=8.0, asked_s=600.0) == 600.0


def test_it_ends_at_once_in_a_pause():
    with house(interval_s=3600.0) as made:
        made.refinement.offer([ABERDEEN])
        made.answers.put(BETTER)
        made.learnt.get(timeout=LIMIT_S)
        began_at_s = time.monotonic()
        made.refinement.close()

        assert time.monotonic() - began_at_s < LIMIT_S
        assert not made.refinement._thread.is_alive()


@pytest.fixture
def server():
    with running_nominatim() as server:
        yield server


@contextmanager
def refined_places(server, redis, *, interval_s=0.0):
    nominatim = Nominatim(server.url, user_agent="Luftstrom/test (+me@example.org)")
    refinement = Refinement(
        nominatim.place_of, metrics=Metrics(CollectorRegistry()), interval_s=interval_s, failure_wait_s=0.0
    )
    places = Places(RedisPlaceCache(redis), refine=refinement.offer)
    refinement.start(places.learn)
    try:
        yield places
    finally:
        server.may_answer.set()
        refinement.close()


def until(is_so):
    ends_at_s = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < ends_at_s
        time.sleep(0.01)


def test_the_gazetteer_answers_at_once_and_the_better_place_follows(server):
    redis = fakeredis.FakeRedis()
    server.may_answer.clear()
    with refined_places(server, redis) as places:
        assert places.of([ABERDEEN])[0].city == "Aberdeen"
        server.may_answer.set()
        until(lambda: places.of([ABERDEEN])[0].city == "Footdee")
        until(lambda: redis.ttl(redis.keys(f"{PREFIX}*")[0]) > KEPT_S_BY_ORIGIN[PlaceOrigin.GAZETTEER])

    assert RedisPlaceCache(redis).known([ABERDEEN])[ABERDEEN].origin == PlaceOrigin.NOMINATIM


def test_a_place_that_was_refined_is_not_asked_for_again(server):
    redis = fakeredis.FakeRedis()
    RedisPlaceCache(redis).keep({ABERDEEN: BETTER})
    with refined_places(server, redis) as places:
        assert places.of([ABERDEEN, STUTTGART])[0].city == "Footdee"
        until(lambda: server.asked)

    assert [float(each["lat"]) for each in server.asked] == [STUTTGART[0]]


def test_a_place_that_only_the_gazetteer_named_is_asked_for_by_the_next_process(server):
    redis = fakeredis.FakeRedis()
    Places(RedisPlaceCache(redis)).of([ABERDEEN])
    with refined_places(server, redis) as places:
        places.of([ABERDEEN])
        until(lambda: places.of([ABERDEEN])[0].city == "Footdee")


def test_a_failure_leaves_the_place_of_the_gazetteer(server):
    redis = fakeredis.FakeRedis()
    server.status = 500
    with refined_places(server, redis) as places:
        places.of([ABERDEEN])
        until(lambda: len(server.asked) > 2)

        assert places.of([ABERDEEN])[0].city == "Aberdeen"
        assert RedisPlaceCache(redis).known([ABERDEEN])[ABERDEEN].origin == PlaceOrigin.GAZETTEER


def test_questions_are_an_interval_apart_also_after_failures(server):
    server.status = 500
    with refined_places(server, fakeredis.FakeRedis(), interval_s=0.2) as places:
        places.of([ABERDEEN, STUTTGART, PARIS])
        until(lambda: len(server.asked) >= 4)
    gaps_s = [
        later - earlier for earlier, later in zip(server.asked_at_s, server.asked_at_s[1:], strict=False)
    ]

    assert min(gaps_s) >= 0.19

"""Between two polls the scraper waits: as long as it was told, never too short for a server of others."""

import threading

import pytest

from contracts.errors import UnavailableError
from runtime.clock import SettableClock
from runtime.health import Health
from runtime.settings import read_settings
from scraper.lease import HeldElsewhereError
from scraper.pacing import READY_POLL_S_MAX, poll_for_ever, poll_once
from scraper.polling import Summary
from scraper.sensor_community_source import AskedToWaitError
from scraper.settings import Settings

SOMEBODY_ELSES, OURS = "https://feed.example.org/data.json", "http://127.0.0.1:19080/data.json"
DONE, UNCHANGED = Summary({"fetched": 0}, 2, 0.0), Summary({}, 0, 0.0)


class ScriptedPoller:
    """Does what a list says, one entry a poll."""

    def __init__(self, outcomes):
        self.outcomes = list(outcomes)

    def poll(self):
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class CountingStop(threading.Event):
    """Notes each wait instead of waiting; set after the last."""

    def __init__(self, waits):
        super().__init__()
        self.waits_s, self._left = [], waits

    def wait(self, timeout=None):
        self.waits_s.append(timeout)
        if len(self.waits_s) == self._left:
            self.set()
        return self.is_set()


def settings_of(url, **given):
    return read_settings(
        Settings,
        kafka_bootstrap_servers="x",
        redis_url="x",
        source_url=url,
        contact="me@example.org",
        **given,
    )


def waits_s(outcomes, *, url, interval_s=60.0, health=None):
    settings = settings_of(url, poll_interval_s=interval_s)
    stop = CountingStop(len(outcomes))
    poll_for_ever(ScriptedPoller(outcomes), settings, health or Health(), stop)
    return stop.waits_s


@pytest.mark.parametrize(
    "outcome",
    [
        DONE,
        UNCHANGED,
        UnavailableError("503"),
        UnavailableError("no Kafka"),
        AskedToWaitError("429", 0.0),
        AskedToWaitError("429", 1.0),
    ],
    ids=["done", "unchanged", "an error", "no Kafka", "asked to wait no time", "asked to wait a second"],
)
def test_somebody_elses_server_is_asked_at_most_once_a_minute_whatever_happens(outcome):
    assert min(waits_s([outcome] * 20, url=SOMEBODY_ELSES)) >= 60.0


def test_a_server_that_asks_for_more_is_given_more():
    assert waits_s([AskedToWaitError("429", 300.0)], url=SOMEBODY_ELSES) == [300.0]


def test_a_recording_that_asks_for_no_wait_at_all_is_not_hammered_either():
    waits = waits_s([AskedToWaitError("429", 0.0)] * 6, url=OURS, interval_s=0.0)

    assert min(waits) >= 1.0
    assert max(waits) > 8.0


def test_a_recording_may_be_polled_back_to_back():
    assert waits_s([DONE], url=OURS, interval_s=0.0) == [0.0]


def test_who_hangs_in_a_poll_does_not_stay_ready():
    clock = SettableClock()
    health = Health(clock=clock)
    (wait_s,) = waits_s([DONE], url=OURS, health=health)
    clock.advance(wait_s + READY_POLL_S_MAX)

    assert health.unready_because is None

    clock.advance(1.0)

    assert health.unready_because


@pytest.mark.parametrize(
    ("left_s", "interval_s", "wait_s"),
    [(12.0, 120.0, 12.0), (600.0, 120.0, 120.0), (0.0, 120.0, 0.2), (12.0, 0.0, 1.0)],
    ids=["until its lease ends", "an interval at most", "a moment where it just ended", "no busy loop"],
)
def test_who_finds_another_scraper_polling_waits(left_s, interval_s, wait_s):
    assert waits_s([HeldElsewhereError("b:7", left_s)], url=OURS, interval_s=interval_s) == [wait_s]


def test_who_stands_by_is_ready_and_has_not_failed():
    health = Health()
    waits_s([UnavailableError("503"), HeldElsewhereError("b:7", 5.0)], url=OURS, health=health)

    assert health.unready_because is None


@pytest.mark.parametrize(
    ("outcomes", "fallback", "is_well", "waits"),
    [
        ([DONE], "v2,filter", True, []),
        ([HeldElsewhereError("b:7", 5.0)], "v2,filter", True, []),
        ([UnavailableError("500")], "", False, []),
        ([UnavailableError("500"), DONE], "v2", True, [60.0]),
        ([UnavailableError("500")] * 3, "v2,filter", False, [60.0, 60.0]),
        ([AskedToWaitError("429", 5.0)], "v2,filter", False, []),
    ],
    ids=["done", "left to another", "nothing to fall back to", "fell back", "all failed", "asked to wait"],
)
def test_a_single_poll_falls_back_a_minute_later(outcomes, fallback, is_well, waits):
    poller, stop = ScriptedPoller(outcomes), CountingStop(9)
    settings = settings_of(SOMEBODY_ELSES, fallback=fallback, countries="DE")

    assert poll_once(poller, settings, stop) == is_well
    assert stop.waits_s == waits
    assert poller.outcomes == []


def test_a_single_poll_that_waits_to_fall_back_ends_when_told():
    stop = CountingStop(1)

    assert not poll_once(
        ScriptedPoller([UnavailableError("500")]), settings_of(SOMEBODY_ELSES, fallback="v2"), stop
    )

"""When to poll, and what the process says of itself meanwhile."""

import random
import threading

import structlog

from contracts.errors import UnavailableError
from runtime.health import Health
from scraper.lease import HeldElsewhereError
from scraper.polling import Poller, Summary
from scraper.sensor_community_source import AskedToWaitError
from scraper.settings import Settings

log = structlog.get_logger()

JITTER = 0.05
FAILURE_WAIT_S, FAILURE_WAIT_S_MAX = 1.0, 60.0
# A poll that takes longer waits for Kafka or the source.
READY_POLL_S_MAX = 30.0
# Also where the interval is 0, as for a recording.
UNCHANGED_WAIT_S_MIN, STANDBY_S_MIN = 0.2, 1.0


def poll_once(poller: Poller, settings: Settings, stopping: threading.Event) -> bool:
    """Poll, and once more for each address to fall back to; whether it went well, here or elsewhere."""
    for number in range(1 + len(settings.fallback_urls)):
        if number and stopping.wait(settings.request_gap_s):
            break
        try:
            _tell(poller.poll())
        except HeldElsewhereError as error:
            _tell_who_polls(error)
            return True
        except UnavailableError as error:
            log.error("poll_failed", error=str(error))  # noqa: TRY400 - the message says it all
            if isinstance(error, AskedToWaitError):
                break
        else:
            return True
    return False


def poll_for_ever(poller: Poller, settings: Settings, health: Health, stopping: threading.Event) -> None:
    """Poll each `poll_interval_s`, after failures with back-off, until told to stop."""
    failures = 0
    while not stopping.is_set():
        health.tick()
        try:
            summary = poller.poll()
        except HeldElsewhereError as error:
            # Who stands by is ready: it polls as soon as the other does not.
            wait_s = _standby_s(error, settings)
            _tell_who_polls(error, next_in_s=round(wait_s, 1))
            health.ready(for_s=wait_s + READY_POLL_S_MAX)
        except UnavailableError as error:
            failures += 1
            health.unready(str(error))
            wait_s = max(_patience_s(error, failures), settings.request_gap_s)
            log.warning("poll_failed", error=str(error), next_in_s=round(wait_s, 1))
        else:
            failures = 0
            _tell(summary)
            wait_s = _pause_s(summary, settings)
            health.ready(for_s=wait_s + READY_POLL_S_MAX)
        stopping.wait(wait_s)


def _standby_s(error: HeldElsewhereError, settings: Settings) -> float:
    """Until the other's lease ends, or the next poll is due."""
    interval_s = max(settings.poll_interval_s, STANDBY_S_MIN)
    return max(min(error.left_s, interval_s), UNCHANGED_WAIT_S_MIN)


def _pause_s(summary: Summary, settings: Settings) -> float:
    jittered_s = settings.poll_interval_s * random.uniform(1.0 - JITTER, 1.0 + JITTER)  # noqa: S311 - spreads load
    return max(jittered_s, settings.request_gap_s, 0.0 if summary.totals else UNCHANGED_WAIT_S_MIN)


def _patience_s(error: UnavailableError, failures: int) -> float:
    """Longer each time, and at least as long as the service asked."""
    asked_s = error.seconds if isinstance(error, AskedToWaitError) else 0.0
    backoff_s = random.uniform(0.5, 1.0) * min(FAILURE_WAIT_S * 2.0**failures, FAILURE_WAIT_S_MAX)  # noqa: S311
    return max(asked_s, backoff_s)


def _tell(summary: Summary) -> None:
    if summary.totals:
        log.info(
            "poll_done", **summary.totals, bytes=summary.payload_bytes, seconds=round(summary.seconds, 3)
        )


def _tell_who_polls(error: HeldElsewhereError, **facts: float) -> None:
    log.info("poll_left_to_another", holder=error.holder, left_s=round(error.left_s, 1), **facts)

"""Retry what is unavailable: exponential back-off with full jitter, bounded, ended at once by stopping."""

import threading
from collections.abc import Callable
from typing import TypeVar

import structlog
import tenacity

from contracts.errors import UnavailableError

log = structlog.get_logger()

T = TypeVar("T")

BACKOFF_BASE_S = 0.5
BACKOFF_CAP_S = 30.0


def retry_unavailable(
    action: Callable[[], T],
    *,
    what: str,
    stopping: threading.Event,
    limit_s: float | None = None,
    base_s: float = BACKOFF_BASE_S,
    cap_s: float = BACKOFF_CAP_S,
) -> T:
    """The result of `action`, tried again while it raises UnavailableError.

    Ends with that UnavailableError after `limit_s` seconds (None: never) or once `stopping` is set.
    """
    stop = tenacity.stop_when_event_set(stopping)
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(UnavailableError),
        wait=tenacity.wait_random_exponential(multiplier=base_s, max=cap_s),
        stop=stop if limit_s is None else tenacity.stop_any(stop, tenacity.stop_after_delay(limit_s)),
        sleep=tenacity.sleep_using_event(stopping),
        before_sleep=lambda state: log.warning(
            "retry_scheduled",
            what=what,
            attempt=state.attempt_number,
            error=str(state.outcome.exception()) if state.outcome else None,
        ),
        reraise=True,
    )
    return retrying(action)

"""Waiting for a server that was just started."""

import time
from collections.abc import Callable

from contracts.errors import UnavailableError

EVERY_S = 0.1


def wait_until_ready(require: Callable[[], None], *, is_running: Callable[[], bool], limit_s: float) -> None:
    """Call `require` until it no longer raises UnavailableError.

    Raises that error where the process is gone or the limit is over.
    """
    ends_at_s = time.monotonic() + limit_s
    while True:
        try:
            return require()
        except UnavailableError:
            if not is_running() or time.monotonic() > ends_at_s:
                raise
        time.sleep(EVERY_S)

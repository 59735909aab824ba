"""Stopping: SIGTERM and SIGINT set an event; the process finishes what it holds and leaves."""

import os
import signal
import threading
from types import FrameType


def stop_on_signals(*, limit_s: float | None = None) -> threading.Event:
    """An event that SIGTERM and SIGINT set; call it from the main thread, once.

    A process that has not ended `limit_s` seconds later, for it waits for somebody else, ends at once
    with exit code 1; only for a process that may be killed at any moment without losing anything.
    """
    stopping = threading.Event()
    if limit_s is not None:
        threading.Thread(target=_end_late, args=(stopping, limit_s), name="end-late", daemon=True).start()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return stopping


def _end_late(stopping: threading.Event, limit_s: float) -> None:
    stopping.wait()
    threading.Event().wait(limit_s)
    os._exit(1)

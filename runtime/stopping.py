"""Stopping: SIGTERM and SIGINT set an event; the process finishes what it holds and leaves."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPS = (signal.SIGTERM, signal.SIGINT)


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

    for number in STOPS:
        signal.signal(number, stop)
    return stopping


@contextmanager
def unstopped() -> Iterator[None]:
    """SIGTERM and SIGINT wait until the block has ended: for what is done whole and told whole.

    Only the main thread is interrupted by them; in another one there is nothing to do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    handlers = {
        number: signal.signal(number, lambda came_now, _frame: came.append(came_now)) for number in STOPS
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for waiting in came[:1]:
            signal.raise_signal(waiting)


def _end_late(stopping: threading.Event, limit_s: float) -> None:
    stopping.wait()
    threading.Event().wait(limit_s)
    os._exit(1)

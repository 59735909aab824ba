"""Time as an argument: the real clock, and one that a test moves."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the rooms ask of time."""

    def now_s(self) -> float:
        """Unix time in seconds."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_s(self) -> float:
        """Unix time in seconds."""
        return time.time()

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


class SettableClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_s: float = 0.0) -> None:
        self._now_s = now_s

    def now_s(self) -> float:
        """Unix time in seconds."""
        return self._now_s

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self._now_s += seconds


def iso_utc(now_s: float) -> str:
    """Unix seconds as ISO 8601 with `Z`, to the second."""
    return datetime.fromtimestamp(int(now_s), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

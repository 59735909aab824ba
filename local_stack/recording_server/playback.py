"""The clock of the playing: it runs, or it steps with each answer; never ahead of the wall clock."""

import os
from pathlib import Path
from typing import Protocol

import msgspec

from contracts.errors import BadInputError
from local_stack.recording_server.timeline import WINDOW_S
from runtime.clock import Clock


class Playback(Protocol):
    """What the service asks of its clock."""

    def now_s(self) -> float:
        """Unix second of the playing."""
        ...

    def answered(self, clock_s: float) -> None:
        """An answer of this clock has gone out whole."""
        ...


class RunningPlayback:
    """Runs at `speed` from `begins_at_s` until it meets the wall clock, then with it; at speed 1 it is it."""

    def __init__(self, clock: Clock, *, begins_at_s: float, speed: float) -> None:
        self._clock = clock
        self._begins_at_s = begins_at_s
        self._started_s = clock.monotonic_s()
        self._speed = speed

    def now_s(self) -> float:
        """Unix second of the playing."""
        wall_s = self._clock.now_s()
        if self._speed == 1:
            return wall_s
        return min(wall_s, self._begins_at_s + self._speed * (self._clock.monotonic_s() - self._started_s))

    def answered(self, clock_s: float) -> None:
        """Nothing: this clock does not wait for answers."""


class SteppedPlayback:
    """Stands still and steps on by `step_s` after each answer, until it meets the wall clock.

    Then it runs with it, but at most one window past the last answer: a client that was away misses nothing.
    """

    def __init__(self, clock: Clock, *, begins_at_s: float, step_s: int) -> None:
        self._clock = clock
        self._step_s = step_s
        self._limit_s = begins_at_s

    def now_s(self) -> float:
        """Unix second of the playing."""
        return min(self._clock.now_s(), self._limit_s)

    def answered(self, clock_s: float) -> None:
        """Step on from the clock of the answer; the same answer twice is one step."""
        live = self._clock.now_s() - clock_s < self._step_s
        self._limit_s = max(self._limit_s, clock_s + (WINDOW_S if live else self._step_s))

    @property
    def limit_s(self) -> float:
        """Up to here the clock may go before the next answer."""
        return self._limit_s


def playback_for(
    bookmark: "Bookmark | None", *, clock: Clock, starts_at_s: int, speed: float, step_s: int | None
) -> Playback:
    """The clock that these options ask for, from the bookmark on if there is one."""
    begins_at_s = bookmark.clock_s if bookmark else starts_at_s
    if step_s is not None:
        return SteppedPlayback(clock, begins_at_s=begins_at_s, step_s=step_s)
    return RunningPlayback(clock, begins_at_s=begins_at_s, speed=speed)


class Bookmark(msgspec.Struct, frozen=True, kw_only=True):
    """Where a playing stands, to be kept in a file over a restart."""

    recording: str
    starts_at_s: int
    clock_s: float
    answered_minute_s: int | None


def read_bookmark(path: Path) -> Bookmark | None:
    """The bookmark of this file, or None if there is no file; raises BadInputError if it is no bookmark."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Bookmark)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise BadInputError("clock_file", f"{path} is damaged ({error}); remove it to begin anew") from None


def write_bookmark(path: Path, bookmark: Bookmark) -> None:
    """Write atomically: a kill leaves the old bookmark or the new one."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_bytes(msgspec.json.encode(bookmark))
    os.replace(draft, path)

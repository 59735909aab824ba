"""Answers spoiled on demand: what may be asked for, what waits, and what it makes of the list."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contracts.errors import BadInputError

WAITING_MAX = 1000
ANSWERS_MAX = 100_000
DELAY_S_MAX = 3600.0
JUMP_S_MAX = 10 * 86_400
GARBAGE = b"<br />\n<b>Warning</b>: Cannot modify header information"

# What a mode makes of the list's bytes.
SPOILED: Mapping[str, Callable[[bytes], bytes]] = {
    "truncated": lambda listed: listed[: listed.find(b"sensordatavalues", len(listed) // 2)],
    "empty": lambda _listed: b"[]",
    "garbage": lambda listed: listed + GARBAGE,
    "duplicates": lambda listed: with_elements(listed, [listed[1:-1]]),
}
# These hold the whole list: the clock goes on after them.
WHOLE_MODES = frozenset({"garbage", "duplicates"})
BODY_MODES = ("inject", "replace")
SECONDS_MODES = {"slow": (0.0, DELAY_S_MAX), "clock-jump": (-JUMP_S_MAX, JUMP_S_MAX)}
# Any other answer that is not the list; with seconds, it asks for a pause of so many.
STATUS_MODES = range(300, 600)
MODES_TOLD = (
    f"mode is one of {', '.join((*BODY_MODES, *SPOILED, *SECONDS_MODES))} "
    f"or a status from {STATUS_MODES[0]} to {STATUS_MODES[-1]}"
)


@dataclass(slots=True)
class Fault:
    """What is to happen to the next `answers_left` answers."""

    mode: str
    body: bytes = b""
    seconds: float = 0.0
    answers_left: int = 1

    @property
    def status(self) -> int | None:
        """The status of an answer that is no list; None for the other modes."""
        return int(self.mode) if self.mode.isdecimal() else None


class Faults:
    """The faults that wait for the next answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._injected: list[Fault] = []
        self._others: list[Fault] = []

    def add(self, fault: Fault) -> bool:
        """Let it wait; False if too many wait already."""
        with self._lock:
            if len(self._injected) + len(self._others) >= WAITING_MAX:
                return False
            (self._injected if fault.mode == "inject" else self._others).append(fault)
            return True

    def next_one(self) -> Fault | None:
        """What happens to the next answer, used up by this call; one after the other."""
        with self._lock:
            return next(iter(_used(self._others[:1], self._others)), None)

    def next_elements(self) -> list[bytes]:
        """Every waiting element for the next sound answer, used up by this call."""
        with self._lock:
            return [fault.body for fault in _used(self._injected[:], self._injected)]


def fault_of(query: Mapping[str, str], body: bytes) -> Fault:
    """The fault that a request asks for; raises BadInputError saying what may be asked for."""
    mode, count = query.get("mode", "inject"), query.get("count", "1")
    is_status = mode.isdecimal() and int(mode) in STATUS_MODES
    if not (is_status or mode in (*BODY_MODES, *SPOILED, *SECONDS_MODES)):
        raise BadInputError("mode", MODES_TOLD)
    if not count.isdecimal() or not 1 <= int(count) <= ANSWERS_MAX:
        raise BadInputError("count", f"count is 1 to {ANSWERS_MAX}")
    if mode == "inject" and not body:
        raise BadInputError("body", "send the bytes of an element")
    low, high = SECONDS_MODES.get(mode, (0.0, DELAY_S_MAX))
    seconds = _number(query.get("seconds", "" if mode in SECONDS_MODES else "0"))
    if seconds is None or not low <= seconds <= high:
        raise BadInputError("seconds", f"seconds is {low:g} to {high:g}")
    return Fault(mode, body, seconds, int(count))


def with_elements(listed: bytes, elements: list[bytes]) -> bytes:
    """The list with these bytes as more of its elements."""
    return b"[" + b",".join(part for part in (listed[1:-1], *elements) if part) + b"]"


def _used(faults: list[Fault], waiting: list[Fault]) -> list[Fault]:
    for fault in faults:
        fault.answers_left -= 1
        if fault.answers_left == 0:
            waiting.remove(fault)
    return faults


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

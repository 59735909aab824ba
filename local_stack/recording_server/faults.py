"""Answers spoiled on demand: extra elements in the list, or another body altogether."""

import threading
from dataclasses import dataclass

MAX_WAITING = 1000


@dataclass(slots=True)
class _Fault:
    body: bytes
    answers_left: int


class Faults:
    """The faults that wait for the next answers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._extras: list[_Fault] = []
        self._replacements: list[_Fault] = []

    def add(self, body: bytes, *, replace: bool, count: int) -> bool:
        """Spoil the next `count` answers; False if too many wait already."""
        with self._lock:
            if len(self._extras) + len(self._replacements) >= MAX_WAITING:
                return False
            (self._replacements if replace else self._extras).append(_Fault(body, count))
            return True

    def next_replacement(self) -> bytes | None:
        """The body that stands for the next answer, used up by this call; one after the other."""
        with self._lock:
            return _used(self._replacements[:1], self._replacements)[0] if self._replacements else None

    def next_extras(self) -> list[bytes]:
        """Every waiting element for the next answer, used up by this call."""
        with self._lock:
            return _used(self._extras[:], self._extras)


def _used(faults: list[_Fault], waiting: list[_Fault]) -> list[bytes]:
    for fault in faults:
        fault.answers_left -= 1
        if fault.answers_left == 0:
            waiting.remove(fault)
    return [fault.body for fault in faults]

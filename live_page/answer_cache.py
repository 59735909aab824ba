"""Answers, kept for a few seconds: many who look at one page are one query."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from runtime.clock import Clock

A = TypeVar("A")


class AnswerCache(Generic[A]):
    """At most `answers_max` answers, none older than `age_s`; errors are not kept."""

    def __init__(self, *, age_s: float, answers_max: int, clock: Clock) -> None:
        self.age_s, self._answers_max, self._clock = age_s, answers_max, clock
        self._kept: OrderedDict[str, tuple[float, A]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, ask: Callable[[], A]) -> A:
        """The answer of that key: the kept one, or what `ask` gives."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and now_s - kept[0] < self.age_s:
            return kept[1]
        answer = ask()
        self._keep(key, now_s, answer)
        return answer

    def _keep(self, key: str, now_s: float, answer: A) -> None:
        with self._lock:
            self._kept[key] = (now_s, answer)
            self._kept.move_to_end(key)
            while len(self._kept) > self._answers_max:
                self._kept.popitem(last=False)

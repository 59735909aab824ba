"""How far behind in time: when the log ended where we stand now."""

from collections import deque
from typing import NamedTuple

SAMPLES_MAX = 1800  # an hour, at one each two seconds


class _Sample(NamedTuple):
    taken_at_s: float
    end: int


class LagSeconds:
    """Fed with (moment, records consumed, records behind), tells how long ago the next record was written.

    Record timestamps do not tell it: they are the time of the observation, years ago in a replay.
    What was there before the first sample counts from then: at least so long.
    """

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque(maxlen=SAMPLES_MAX)

    def lag_s(self, *, now_s: float, consumed: int, behind: int) -> float:
        """Seconds behind; 0 where nothing is left to read."""
        self._samples.append(_Sample(now_s, consumed + behind))
        # What ended at or before where we stand has been read.
        while len(self._samples) > 1 and self._samples[0].end <= consumed:
            self._samples.popleft()
        return now_s - self._samples[0].taken_at_s if behind > 0 else 0.0

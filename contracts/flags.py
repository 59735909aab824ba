"""Doubts about a value, as bits of an integer that stands beside it; 0 means nothing to doubt."""

from enum import IntFlag


class Flag(IntFlag):
    """One bit a doubt; a bit is never given a second meaning."""

    OUT_OF_RANGE = 1  # outside the measure's plausible range, `Measure.low` to `Measure.high`
    SATURATED = 2  # at or above the end of the sensor's scale, `Measure.saturated_at`: the truth is unknown

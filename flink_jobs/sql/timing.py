"""The sizes of the windows and the patience before they close."""

from dataclasses import dataclass

DAY_S = 24 * 3600


def day_of(at_s: int) -> int:
    """When the day began, UTC, in which every window of a time begins."""
    return at_s // DAY_S * DAY_S


@dataclass(frozen=True, slots=True)
class Period:
    """From one moment to before another, Unix seconds of the readings' own times."""

    from_s: int
    to_s: int

    def in_whole_days(self) -> "Period":
        """The days, UTC, that it touches."""
        return Period(day_of(self.from_s), -(-self.to_s // DAY_S) * DAY_S)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long after its time a reading still counts, and the sizes that may be chosen.

    Hours and days are not among them: the air quality indices and the limit values are defined on them.
    """

    watermark_delay_min: int = 15
    short_window_min: int = 5
    throughput_window_s: int = 10
    period: Period | None = None  # of a replay; else all that comes
    windows_from_s: int | None = None  # Unix time: readings of before are in no window

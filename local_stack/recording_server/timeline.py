"""Which records a clock shows: a recording moved in time and played in loops. Pure.

A record's position is its second counted from just before the first record, so positions run from 1 to
the duration, a whole number of minutes; loop k covers the positions after k durations up to k + 1.
"""

from dataclasses import dataclass

from local_stack.recordings import Recording, shifted

MINUTE_S = 60
WINDOW_S = 300  # data.json holds the last five minutes


@dataclass(frozen=True, slots=True)
class Slice:
    """The records with after_s < observed_at_s <= until_s in the recording's own time, and their move."""

    after_s: int
    until_s: int
    shift_s: int
    id_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A recording whose position 0 falls at `starts_at_s`; times are Unix seconds."""

    starts_at_s: int
    origin_s: int
    duration_s: int
    id_step: int
    once: bool = False

    @classmethod
    def of(cls, recording: Recording, *, starts_at_s: int, once: bool = False) -> "Timeline":
        """The timeline of a recording that begins at starts_at_s."""
        return cls(
            starts_at_s=starts_at_s,
            origin_s=recording.first_s - 1,
            duration_s=duration_s(recording),
            id_step=recording.id_step,
            once=once,
        )

    @property
    def ends_at_s(self) -> int:
        """The end of the first playing: its last window is the one of this minute."""
        return self.starts_at_s + self.duration_s

    def minute_s(self, clock_s: float) -> int:
        """The last whole minute, counted from the start, at or before the clock."""
        minutes = int((clock_s - self.starts_at_s) // MINUTE_S)
        return self.starts_at_s + minutes * MINUTE_S

    def loop(self, clock_s: float) -> int:
        """Number of the playing at this clock, from 0."""
        if self.once or clock_s <= self.starts_at_s:
            return 0
        return int(-(-(clock_s - self.starts_at_s) // self.duration_s)) - 1

    def position_s(self, clock_s: float) -> float:
        """Seconds into the present playing."""
        position_s = clock_s - self.starts_at_s - self.loop(clock_s) * self.duration_s
        return min(position_s, self.duration_s) if self.once else position_s

    def span(self, minute_s: int) -> tuple[int, int]:
        """The window of the five minutes up to minute_s: seconds since the start, the first left out."""
        until = minute_s - self.starts_at_s
        after = max(until - WINDOW_S, 0)
        return after, min(until, self.duration_s) if self.once else until

    def slices(self, minute_s: int) -> list[Slice]:
        """What the window of the five minutes up to minute_s shows, oldest first."""
        after, until = self.span(minute_s)
        if until <= after:
            return []
        return [
            self._slice(loop, after=after, until=until)
            for loop in range(after // self.duration_s, -(-until // self.duration_s))
        ]

    def recorded_s(self, second: int) -> int:
        """The second of the recording that is played `second` seconds after the start, from 1 on."""
        return self.origin_s + (second - 1) % self.duration_s + 1

    def _slice(self, loop: int, *, after: int, until: int) -> Slice:
        begin = loop * self.duration_s
        return Slice(
            after_s=self.origin_s + max(after - begin, 0),
            until_s=self.origin_s + min(until - begin, self.duration_s),
            shift_s=self.starts_at_s - self.origin_s + begin,
            id_offset=loop * self.id_step,
        )


def duration_s(recording: Recording) -> int:
    """Length of one playing: from just before the first record past the last, in whole minutes."""
    return -(-(recording.last_s - recording.first_s + 1) // MINUTE_S) * MINUTE_S


def window(recording: Recording, timeline: Timeline, minute_s: int) -> list[bytes]:
    """The records of the window up to minute_s as the service would show them, oldest first."""
    return [
        shifted(raw, seconds=part.shift_s, id_offset=part.id_offset)
        for part in timeline.slices(minute_s)
        for _, raw in recording.between(part.after_s, part.until_s)
    ]

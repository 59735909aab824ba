"""A limit on the series of a bucket, for a runaway tag is what brings an InfluxDB down."""

from collections.abc import Iterable, Sequence

from runtime.clock import Clock

HOUR_S = 3600.0


class SeriesGuard:
    """Admits the series that are there, and new ones up to two limits; what is over them is set aside.

    A series is remembered by its hash. Until it is told which series are there (`know`), all are new, and
    for an hour only the limit of the bucket holds.
    """

    def __init__(self, *, series_max: int, new_per_hour_max: int, clock: Clock) -> None:
        self._series_max, self._new_per_hour_max, self._clock = series_max, new_per_hour_max, clock
        self._known: set[int] = set()
        self._hour_began_at_s = clock.monotonic_s()
        self._new_in_hour = 0
        self._is_learning = True

    @property
    def series(self) -> int:
        """How many series are known."""
        return len(self._known)

    @property
    def new_in_hour(self) -> int:
        """How many of them came in the running hour."""
        self._turn_hour()
        return self._new_in_hour

    def know(self, series: Iterable[str]) -> None:
        """These series are there."""
        self._known.update(map(hash, series))
        self._is_learning = False

    def refused(self, series: Sequence[str]) -> list[int]:
        """The numbers of the lines, each of a series, that would make one too many."""
        hashes = list(map(hash, series))
        new = set(hashes) - self._known
        if not new:
            return []
        self._turn_hour()
        room = self._room()
        admitted = set(list(dict.fromkeys(each for each in hashes if each in new))[:room])
        self._known |= admitted
        self._new_in_hour += len(admitted)
        return [number for number, each in enumerate(hashes) if each in new and each not in admitted]

    def _room(self) -> int:
        in_bucket = self._series_max - len(self._known)
        in_hour = in_bucket if self._is_learning else self._new_per_hour_max - self._new_in_hour
        return max(0, min(in_bucket, in_hour))

    def _turn_hour(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._hour_began_at_s >= HOUR_S:
            self._hour_began_at_s, self._new_in_hour, self._is_learning = now_s, 0, False

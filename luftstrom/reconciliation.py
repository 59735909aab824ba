"""The number that proves it: what came in at the door against what lies in the store.

Readings are counted at the door: fetched = published + repeated + refused + left out (not asked for).
Values are counted from there: published = stored + set aside + ignored (housekeeping, by name) + replaced.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Door:
    """What one door of the scraper (`live` or `archive`) counted, since the data folder was made."""

    fetched: int = 0
    published: int = 0
    repeated: int = 0
    refused: int = 0
    left_out: int = 0
    values_published: int = 0
    values_ignored: int = 0

    @classmethod
    def from_totals(cls, totals: Mapping[bytes, bytes]) -> "Door":
        """The door's counters as the scraper keeps them in Redis."""
        return cls(**{name: int(totals.get(name.encode(), b"0")) for name in cls.__dataclass_fields__})

    def __add__(self, other: "Door") -> "Door":
        return Door(
            **{name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__}
        )

    @property
    def closes(self) -> bool:
        """Whether every fetched reading is accounted for."""
        return self.fetched == self.published + self.repeated + self.refused + self.left_out


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Both ends of the pipeline at one moment.

    `set_aside_by_reason` counts values after the door; `stored_by_measure` counts values in InfluxDB.
    `replaced` counts those in whose place another reading of the same sensor and second is stored; the log
    is asked for them only where the sum is open without.
    """

    door: Door
    stored_by_measure: Mapping[str, int]
    set_aside_by_reason: Mapping[str, int]
    replaced: int = 0

    @property
    def stored(self) -> int:
        """Values in the store."""
        return sum(self.stored_by_measure.values())

    @property
    def set_aside(self) -> int:
        """Values in the dead letters."""
        return sum(self.set_aside_by_reason.values())

    @property
    def on_the_way(self) -> int:
        """Values published and neither stored nor set aside; negative if something was doubled."""
        accounted = self.door.values_ignored + self.stored + self.set_aside + self.replaced
        return self.door.values_published - accounted

    @property
    def closes(self) -> bool:
        """Whether the arithmetic closes at both ends."""
        return self.door.closes and self.on_the_way == 0

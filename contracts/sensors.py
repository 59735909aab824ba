"""What is known of a sensor, and what just happened to it."""

from enum import StrEnum

import msgspec

from contracts.places import DetailedPlace


class SensorChange(StrEnum):
    """What happened to a sensor since the last message about it."""

    NEW = "new"  # seen for the first time
    MOVED = "moved"  # its position beyond the blur of 3 decimals, or between indoors and outdoors
    RETYPED = "retyped"  # it sends as another type
    SILENT = "silent"  # nothing came of it for 24 h
    BACK = "back"  # it sends again after it was silent


class Sensor(msgspec.Struct, frozen=True, gc=False):
    """The last known description of one sensor, with what happened to it.

    `observed_at_s` is its newest reading, Unix seconds. `lat` and `lon` are degrees with 3 decimals, about
    100 m, as the network blurs them; None, as the place, where it never had a position.
    """

    sensor_id: int
    changes: tuple[SensorChange, ...]
    observed_at_s: int
    sensor_type: str | None
    lat: float | None
    lon: float | None
    indoor: int
    place: DetailedPlace | None

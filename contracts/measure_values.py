"""One normalised value of one sensor."""

import msgspec


class MeasureValue(msgspec.Struct, frozen=True, gc=False):
    """A value in the unit of its measure (the topic says which), with the doubts about it.

    `observed_at_s` is Unix time in seconds, UTC; `flags` a mask of `contracts.flags.Flag`.
    What is unknown of a sensor's place is None.
    """

    sensor_id: int
    observed_at_s: int
    value: float
    flags: int = 0
    sensor_type: str | None = None
    country: str | None = None
    city: str | None = None
    lat: float | None = None
    lon: float | None = None
    indoor: int | None = None

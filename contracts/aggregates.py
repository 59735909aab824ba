"""What `aggregate` makes of the readings: windows of time, of a sensor, of a place, of the whole network.

Times are Unix seconds, UTC; a window is named by its start, and its size by the topic. Means are in the
unit of the measure; they leave out the values with a flag that is not in `contracts.flags.HARMLESS`.
Windows close when the watermark passes their end; what comes later is a LateReading and in none.
"""

import msgspec


class Aggregate(msgspec.Struct, frozen=True, gc=False):
    """One sensor's values of one measure in one window, at one place: a sensor that moves has two.

    `count` values are in `mean`, `low` and `high` (None where there is none), `flagged` are not.
    """

    sensor_id: int
    measure: str
    starts_at_s: int
    count: int
    flagged: int
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    sensor_type: str | None = None
    country: str | None = None
    city: str | None = None
    lat: float | None = None
    lon: float | None = None
    indoor: int | None = None


class PlaceHour(msgspec.Struct, frozen=True, gc=False):
    """The outdoor sensors of a city that measured one measure in one hour.

    `mean` and `median` are of the sensors' means; `european_aqi` is the level 1...6 of this hour,
    `nowcast` the weighted mean of twelve hours and `us_aqi` its index, all three for dust alone.
    """

    country: str
    city: str
    measure: str
    starts_at_s: int
    sensors: int
    mean: float
    median: float
    european_aqi: int | None = None
    nowcast: float | None = None
    us_aqi: int | None = None


class PlaceRank(msgspec.Struct, frozen=True, gc=False):
    """One of a city's ten outdoor sensors with the highest, or lowest, mean of an hour; rank 1 is first."""

    country: str
    city: str
    measure: str
    starts_at_s: int
    is_highest: bool
    rank: int
    sensor_id: int
    mean: float
    sensor_type: str | None = None
    lat: float | None = None
    lon: float | None = None


class Throughput(msgspec.Struct, frozen=True, gc=False):
    """Readings observed in one window in one country; None where the position is unknown."""

    starts_at_s: int
    readings: int
    country: str | None = None


class LateReading(msgspec.Struct, frozen=True, gc=False):
    """Where a reading lies that came after the watermark, by `late_s` seconds; it is in no window."""

    sensor_id: int
    observed_at_s: int
    late_s: int
    source_topic: str
    source_partition: int
    source_offset: int


class FlaggedSpan(msgspec.Struct, frozen=True, gc=False):
    """Doubts that a reading alone does not tell: about one value, or all from one moment to before another.

    `flags` is a mask of `contracts.flags.Flag`; about one value where `ends_at_s` is `starts_at_s`.
    """

    sensor_id: int
    measure: str
    flags: int
    starts_at_s: int
    ends_at_s: int
    sensor_type: str | None = None
    country: str | None = None
    city: str | None = None

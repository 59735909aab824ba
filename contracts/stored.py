"""What lies in InfluxDB: buckets, measurements, and the one type of each field.

A bucket is named by how long it keeps; a measurement that ends in a size (`air_1h`) is of windows of that
size, named by their start. All tags are functions of the sensor or the place, so each is one series.
`contracts.points` says which topic becomes which measurement. Times are in seconds, UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from contracts.air_quality_indices import INDEX_MEASURES
from contracts.forecasts import QUANTILES
from contracts.measures import MEASURES

ORG = "luftstrom"
DAY_S = 24 * 3600
YEAR_S = 365 * DAY_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One bucket: what is older than `retention_s` is dropped, in pieces of `shard_s`."""

    name: str
    about: str
    retention_s: int
    shard_s: int


LIVE = Bucket(name="live", about="values, five-minute windows, doubts", retention_s=30 * DAY_S, shard_s=DAY_S)
# Years of archive open every shard that they write to: few and long ones are cheaper.
HOURLY = Bucket(name="hourly", about="hours", retention_s=5 * YEAR_S, shard_s=28 * DAY_S)
DAILY = Bucket(name="daily", about="days", retention_s=5 * YEAR_S, shard_s=364 * DAY_S)
FORECAST = Bucket(name="forecasts", about="forecasts, their skill", retention_s=YEAR_S, shard_s=7 * DAY_S)

BUCKETS = (LIVE, HOURLY, DAILY, FORECAST)
RETENTION_S_BY_BUCKET = {bucket.name: bucket.retention_s for bucket in BUCKETS}
LIVE_BUCKET = LIVE.name
LIVE_RETENTION_S = LIVE.retention_s


class FieldType(StrEnum):
    """The type of a field, as `SHOW FIELD KEYS` names it; it never changes once there is a value."""

    FLOAT = "float"
    INTEGER = "integer"
    STRING = "string"


FLOAT, INTEGER, STRING = FieldType.FLOAT, FieldType.INTEGER, FieldType.STRING


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One measurement: where it lies, its tags (sorted, as InfluxDB likes them), its fields with their types.

    A tag or field that is unknown of a point is left out of it.
    """

    name: str
    about: str
    bucket: Bucket
    tags: tuple[str, ...]
    fields: Mapping[str, FieldType]


AIR = "air"
AIR_TAGS = ("city", "country", "sensor_id", "sensor_type")
POSITION_FIELDS = ("lat", "lon", "indoor")
_POSITION = {"lat": FLOAT, "lon": FLOAT, "indoor": INTEGER}

AIR_VALUES = Measurement(
    name=AIR,
    about="one reading of one sensor: each value, and its flags (contracts.flags) beside it",
    bucket=LIVE,
    tags=AIR_TAGS,
    fields={
        **{measure.field: FLOAT for measure in MEASURES},
        **{measure.flags_field: INTEGER for measure in MEASURES},
        **_POSITION,
    },
)


def _windows(size: str, bucket: Bucket) -> Measurement:
    return Measurement(
        name=f"{AIR}_{size}",
        about=f"windows of {size} of one sensor: _count values are in _mean, _min, _max; _flagged are not",
        bucket=bucket,
        tags=AIR_TAGS,
        fields={
            **{f"{m.field}_{part}": FLOAT for m in MEASURES for part in ("mean", "min", "max")},
            **{f"{m.field}_{part}": INTEGER for m in MEASURES for part in ("count", "flagged")},
            **_POSITION,
        },
    )


AIR_WINDOWS: dict[str, Measurement] = {
    size: _windows(size, bucket) for size, bucket in (("5m", LIVE), ("1h", HOURLY), ("1d", DAILY))
}

PLACE_HOURS = Measurement(
    name="place_1h",
    about="the outdoor sensors of a city in an hour: mean and median of their means; indices of dust alone",
    bucket=HOURLY,
    tags=("city", "country"),
    fields={
        **{f"{m.field}_{part}": FLOAT for m in MEASURES for part in ("mean", "median")},
        **{f"{m.name}_sensors": INTEGER for m in MEASURES},
        **{f"{m.name}_european_aqi": INTEGER for m in MEASURES if m.name in INDEX_MEASURES},
        **{f"{m.name}_us_aqi": INTEGER for m in MEASURES if m.name in INDEX_MEASURES},
        **{f"{m.field}_nowcast": FLOAT for m in MEASURES if m.name in INDEX_MEASURES},
    },
)

HIGHEST, LOWEST = "highest", "lowest"

PLACE_RANKS = Measurement(
    name="place_rank_1h",
    about=f"a city's ten outdoor sensors of the `{HIGHEST}` and `{LOWEST}` (tag extreme) means; rank 1 first",
    bucket=HOURLY,
    tags=("city", "country", "extreme", "rank"),
    fields={
        **{f"{m.field}_mean": FLOAT for m in MEASURES},
        **{f"{m.name}_sensor_id": INTEGER for m in MEASURES},
        **{f"{m.name}_sensor_type": STRING for m in MEASURES},
        **{f"{m.name}_{part}": FLOAT for m in MEASURES for part in ("lat", "lon")},
    },
)

THROUGHPUT = Measurement(
    name="throughput_10s",
    about="readings of a country in ten seconds; without the tag where the position is unknown",
    bucket=LIVE,
    tags=("country",),
    fields={"readings": INTEGER},
)

LATE_READINGS = Measurement(
    name="late_reading",
    about="one reading that came after its windows, by so many seconds; at the time of observation",
    bucket=LIVE,
    tags=("sensor_id",),
    fields={"late_s": INTEGER},
)

FLAGGED_SPANS = Measurement(
    name="flagged_span",
    about="a doubt (tag flag: stuck, spike, ...) about a measure from its time to before `_ends_at_s`; "
    "about one value where the two are equal",
    bucket=LIVE,
    tags=("city", "country", "flag", "sensor_id", "sensor_type"),
    fields={f"{measure.name}_ends_at_s": INTEGER for measure in MEASURES},
)

QUANTILE_FIELDS = tuple(f"q{round(100 * quantile):02}" for quantile in QUANTILES)
LEADS_H = (1, 6, 24)
_ISSUE = {**dict.fromkeys(QUANTILE_FIELDS, FLOAT), "issued_at": INTEGER, "model": STRING}

FORECASTS_NEWEST = Measurement(
    name="forecast",
    about="the newest forecast of an hour, at the hour it is of; `issued_at` is Unix seconds",
    bucket=FORECAST,
    tags=("city", "country", "measure", "method", "sensor_id", "sensor_type"),
    fields={**_ISSUE, "horizon_h": INTEGER},
)

FORECASTS_BY_LEAD = Measurement(
    name="forecast_lead",
    about="what was said of an hour `lead_h` (a tag: 1, 6, 24) hours ahead; no later issue overwrites it",
    bucket=FORECAST,
    tags=("city", "country", "lead_h", "measure", "method", "sensor_id", "sensor_type"),
    fields=_ISSUE,
)

_SKILL_NUMBERS = (
    "mae", "bias", "wql", "mase", "coverage_80", "skill_blend", "skill_naive", "skill_seasonal_naive",
)  # fmt: skip

FORECAST_SKILLS = Measurement(
    name="forecast_skill",
    about="how the forecasts of an hour did, over all sensors; see contracts.forecasts.ForecastSkill",
    bucket=FORECAST,
    tags=("horizon_group", "measure", "method"),
    fields={"count": INTEGER, **dict.fromkeys(_SKILL_NUMBERS, FLOAT), "model": STRING},
)

MEASUREMENTS: tuple[Measurement, ...] = (
    AIR_VALUES,
    *AIR_WINDOWS.values(),
    PLACE_HOURS,
    PLACE_RANKS,
    THROUGHPUT,
    LATE_READINGS,
    FLAGGED_SPANS,
    FORECASTS_NEWEST,
    FORECASTS_BY_LEAD,
    FORECAST_SKILLS,
)

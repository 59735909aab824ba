"""Readings of files become hours by the rule of `aggregate` (flink_jobs/sql/aggregate.py).

A test holds both to the same table for one recorded day. Of archives only: live hours come from the job.
"""

import polars as pl

from contracts.flags import DEAD_BELOW_UG_M3, DEAD_COUNT, DEAD_MEASURES
from contracts.measures import MEASURES, Measure

SPIKE_SECONDS_MIN = 60  # as the job: a shorter time between two readings says nothing about a rate
HOUR_S = 3600
WHOLE_HOUR = 25  # readings; what comes as hours, of stations, is of a whole hour of measuring
PLACE = ("lat", "lon", "location")
READING = ("sensor_id", "observed_at_s", *PLACE)


def hours_of(readings: pl.DataFrame, measure: Measure) -> pl.DataFrame:
    """Hours of one measure: sensor_id, starts_at_s, mean, count, flagged, lat, lon, location.

    `readings`: one row a reading with `READING` and a column for each upstream value type, empty where it
    sent none. A reading that comes twice counts once.
    """
    judged = _judged(
        _believable(readings.unique(["sensor_id", "observed_at_s"], keep="first"), measure), measure
    )
    usable = pl.col("is_usable")
    return (
        judged.group_by("sensor_id", pl.col("observed_at_s") // HOUR_S * HOUR_S, *PLACE)
        .agg(
            mean=pl.col("value").filter(usable).mean(),
            count=usable.sum().cast(pl.Int64),
            flagged=(~usable).sum().cast(pl.Int64),
        )
        .rename({"observed_at_s": "starts_at_s"})
        .sort("sensor_id", "starts_at_s", "lat", "lon")
    )


def measures_of(readings: pl.DataFrame) -> list[Measure]:
    """The measures that the readings have a column of."""
    return [each for each in MEASURES if any(name in readings.columns for name in each.upstream)]


def _believable(readings: pl.DataFrame, measure: Measure) -> pl.DataFrame:
    """One row a value in the unit of the measure; `is_doubtful` by the reading alone."""
    return (
        readings.with_columns(value=_value(readings, measure), is_faulty=_has_fault(readings, measure))
        .filter(pl.col("value").is_not_null() & pl.col("value").is_finite())
        .with_columns(is_doubtful=_is_impossible(pl.col("value"), measure) | pl.col("is_faulty"))
        .select(*READING, "value", "is_doubtful")
    )


def _value(readings: pl.DataFrame, measure: Measure) -> pl.Expr:
    """The value in the unit of the measure."""
    columns = [
        pl.col(name).cast(pl.Float64, strict=False) for name in measure.upstream if name in readings.columns
    ]
    raw = pl.coalesce(columns) if columns else pl.lit(None, dtype=pl.Float64)
    if (other := measure.other_unit) is not None:
        return (
            pl.when(raw.is_between(other.low, other.high))
            .then(raw * other.scale)
            .otherwise(raw * measure.scale)
        )
    return raw * measure.scale


def _is_impossible(value: pl.Expr, measure: Measure) -> pl.Expr:
    out = (value < measure.low) | (value > measure.high)
    return out | (value >= measure.saturated_at) if measure.saturated_at is not None else out


def _has_fault(readings: pl.DataFrame, measure: Measure) -> pl.Expr:
    """Doubts by the reading's other values: a broken climate chip; more fine dust than dust."""
    by_name = {each.name: each for each in measures_of(readings)}
    fault = pl.lit(value=False)
    if measure.is_climate:
        for each in by_name.values():
            if each.is_climate:
                value = _value(readings, each)
                fault |= ((value < each.low) | (value > each.high)).fill_null(value=False)
    if measure.name in {"pm25", "pm10"} and {"pm25", "pm10"} <= set(by_name):
        above = _value(readings, by_name["pm25"]) > _value(readings, by_name["pm10"])
        fault |= above.fill_null(value=False)
    return fault


def _judged(values: pl.DataFrame, measure: Measure) -> pl.DataFrame:
    """The values in order, and whether each is usable: believable, not dead, no spike."""
    believable = pl.when(~pl.col("is_doubtful")).then(pl.col("value"))
    ordered = values.sort("sensor_id", "observed_at_s").with_columns(believable=believable)
    is_dead = pl.lit(value=False)
    if measure.name in DEAD_MEASURES:
        low = [pl.col("believable").shift(n).over("sensor_id") < DEAD_BELOW_UG_M3 for n in range(DEAD_COUNT)]
        is_dead = pl.all_horizontal(low).fill_null(value=False)
    is_spike = pl.lit(value=False)
    if measure.spike_per_min is not None:
        elapsed = (pl.col("observed_at_s") - pl.col("observed_at_s").shift(1).over("sensor_id")).clip(
            SPIKE_SECONDS_MIN
        )
        change = (pl.col("believable") - pl.col("believable").shift(1).over("sensor_id")).abs()
        is_spike = (change > measure.spike_per_min * elapsed / 60).fill_null(value=False)
    return ordered.with_columns(is_usable=~pl.col("is_doubtful") & ~is_dead & ~is_spike)

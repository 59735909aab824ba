"""Hours out of InfluxDB: the bucket `hourly`, as the collector wrote it from aggregates-1h-v1."""

from typing import Any

import polars as pl

from contracts.measures import Measure
from forecasting.hourly_table import HOUR_S
from runtime.influx_reader import InfluxReader

BUCKET, MEASUREMENT = "hourly", "air_1h"
CHUNK_S = 14 * 24 * HOUR_S  # of one query: bounds what is in memory of a whole network


def influx_hours(reader: InfluxReader, measure: Measure, *, from_s: int, until_s: int) -> pl.DataFrame:
    """Hours of a measure from `from_s` to before `until_s`, columns of `tables.SCHEMA` but the location."""
    parts = [
        _frame(reader.query(BUCKET, _query(measure, begin, min(begin + CHUNK_S, until_s))), measure)
        for begin in range(from_s, until_s, CHUNK_S)
    ]
    return pl.concat(parts)


def _query(measure: Measure, from_s: int, until_s: int) -> str:
    fields = f'"{measure.field}_mean", "{measure.field}_count", "lat", "lon"'
    when = f"time >= {from_s}s AND time < {until_s}s"
    return f'SELECT {fields} FROM "{MEASUREMENT}" WHERE {when} GROUP BY "sensor_id"'  # noqa: S608 - our own names


def _frame(rows: list[dict[str, Any]], measure: Measure) -> pl.DataFrame:
    mean, count = f"{measure.field}_mean", f"{measure.field}_count"
    columns = {
        "sensor_id": [int(row["sensor_id"]) for row in rows],
        "starts_at_s": [int(row["time"]) for row in rows],
        "mean": [row[mean] for row in rows],
        "count": [row[count] for row in rows],
        "lat": [row["lat"] for row in rows],
        "lon": [row["lon"] for row in rows],
    }
    kinds = {"sensor_id": pl.Int64, "starts_at_s": pl.Int64, "mean": pl.Float64, "count": pl.Int64,
             "lat": pl.Float64, "lon": pl.Float64}  # fmt: skip
    return pl.DataFrame(columns, schema=kinds, strict=False).drop_nulls(["mean", "count"])

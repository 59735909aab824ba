"""Whole days of readings as Parquet: a row a sensor and second, a column a measure."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from contracts.measures import MEASURES
from contracts.stored import AIR_VALUES, LIVE_BUCKET
from luftstrom.row_output import frames_of, write_parquet
from runtime.influx_reader import InfluxReader

DAY_S = 24 * 3600
# One query each: bounds what InfluxDB holds, and shows that it goes on.
SLICE_S = 600

Progress = Callable[[int, int], None]  # seconds done, of how many

_COLUMNS: dict[str, pl.DataType] = {
    "time": pl.Datetime("ms", "UTC"),
    "sensor_id": pl.Int64(),
    "sensor_type": pl.String(),
    "country": pl.String(),
    "city": pl.String(),
    "lat": pl.Float64(),
    "lon": pl.Float64(),
    "indoor": pl.Int64(),
    **{measure.field: pl.Float64() for measure in MEASURES},
    **{measure.flags_field: pl.Int64() for measure in MEASURES},
}
SCHEMA = pl.Schema(_COLUMNS)


def days_between(first: date, last: date) -> list[date]:
    """Every day from the first to the last, both taken."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def file_of(day: date, folder: Path) -> Path:
    """Where a day goes."""
    return folder / f"air-{day:%Y-%m-%d}.parquet"


def export_day(influx: InfluxReader, day: date, path: Path, on_progress: Progress) -> int:
    """Write one day (UTC) to the file, whole or not at all; how many rows. Little is in memory at a time."""
    from_s = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    rows = _rows(influx, from_s, on_progress)
    return write_parquet(frames_of(rows, SCHEMA), SCHEMA, path, _metadata(day))


def _rows(influx: InfluxReader, from_s: int, on_progress: Progress) -> Iterator[dict[str, Any]]:
    columns = ", ".join(f'"{name}"' for name in SCHEMA if name != "time")
    for done_s in range(0, DAY_S, SLICE_S):
        start_s = from_s + done_s
        query = (
            f'SELECT {columns} FROM "{AIR_VALUES.name}" '  # noqa: S608 - names of our own tables
            f"WHERE time >= {start_s}s AND time < {start_s + SLICE_S}s ORDER BY time ASC"
        )
        for chunk in influx.chunks(LIVE_BUCKET, query):
            for row in chunk.rows():
                # Tags are text, whatever they hold.
                yield {**row, "sensor_id": int(row["sensor_id"])}
        on_progress(done_s + SLICE_S, DAY_S)


def _metadata(day: date) -> dict[str, str]:
    """What the file says of itself, beside its schema."""
    units = {measure.field: measure.unit for measure in MEASURES}
    return {
        "luftstrom.day": f"{day:%Y-%m-%d}",
        "luftstrom.units": json.dumps({"lat": "°", "lon": "°", **units}, ensure_ascii=False),
        "luftstrom.flags": "0: nothing to doubt; else a mask of contracts.flags.Flag",
        "luftstrom.source": "sensor.community, DbCL v1.0; indicative sensors",
    }

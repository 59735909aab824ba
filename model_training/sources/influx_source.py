"""Hours out of InfluxDB: the bucket `hourly`, as the collector wrote it from aggregates-1h-v1."""

from collections.abc import Iterable

import polars as pl

from contracts.measures import Measure
from contracts.stored import AIR_WINDOWS, HOURLY
from forecasting.hourly_table import HOUR_S
from model_training.tables import HOUR_COLUMNS
from runtime.influx_reader import Chunk, InfluxReader

AIR_1H = AIR_WINDOWS["1h"].name
SPAN_S = 14 * 24 * HOUR_S  # of one query: a whole network's hours of it come well within the time allowed


def influx_hours(reader: InfluxReader, measure: Measure, *, from_s: int, until_s: int) -> pl.DataFrame:
    """Hours of a measure from `from_s` to before `until_s`, columns of `tables.HOUR_COLUMNS`.

    The store is asked first from when to when it has any, so that a long span costs nothing.
    """
    first_s, end_s = _known_span(reader, measure, from_s=from_s, until_s=until_s)
    spans = ((begin, min(begin + SPAN_S, end_s)) for begin in range(first_s, end_s, SPAN_S))
    frames = [_frame(reader.chunks(HOURLY.name, _query(measure, *span)), measure) for span in spans]
    return pl.concat([pl.DataFrame(schema=HOUR_COLUMNS), *frames])


def _known_span(reader: InfluxReader, measure: Measure, *, from_s: int, until_s: int) -> tuple[int, int]:
    """From the first hour that there is to the end of the last; an empty span where there is none."""
    found = [
        int(row["time"])
        for which in ("first", "last")
        for row in reader.query(
            HOURLY.name,
            f'SELECT {which}("{measure.field}_mean") FROM "{AIR_1H}" WHERE {_between(from_s, until_s)}',  # noqa: S608 - our own names
        )
    ]
    return (found[0], found[-1] + HOUR_S) if found else (from_s, from_s)


def _query(measure: Measure, from_s: int, until_s: int) -> str:
    fields = f'"{measure.field}_mean", "{measure.field}_count", "lat", "lon"'
    return f'SELECT {fields} FROM "{AIR_1H}" WHERE {_between(from_s, until_s)} GROUP BY "sensor_id"'  # noqa: S608 - our own names


def _between(from_s: int, until_s: int) -> str:
    return f"time >= {from_s}s AND time < {until_s}s"


def _frame(chunks: Iterable[Chunk], measure: Measure) -> pl.DataFrame:
    names = ("time", f"{measure.field}_mean", f"{measure.field}_count", "lat", "lon")
    frames = [pl.DataFrame(schema=HOUR_COLUMNS)]
    for chunk in chunks:
        columns = dict(zip(chunk.columns, zip(*chunk.values, strict=True), strict=True))
        time, mean, count, lat, lon = (columns[name] for name in names)
        given = {"starts_at_s": time, "mean": mean, "count": count, "lat": lat, "lon": lon}
        frame = pl.DataFrame(given, schema_overrides=HOUR_COLUMNS, strict=False)
        sensor = pl.lit(int(chunk.tags["sensor_id"]), dtype=pl.Int64).alias("sensor_id")
        frames.append(frame.select(sensor, *given))
    return pl.concat(frames).drop_nulls(["mean", "count"])

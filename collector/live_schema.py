"""What the store already holds, asked at start: types of fields that differ from ours, and the series."""

from collections.abc import Iterator, Sequence

import structlog

from collector.series_guard import SeriesGuard
from contracts.stored import BUCKETS, MEASUREMENTS, Measurement
from runtime.influx_reader import InfluxReader

log = structlog.get_logger()


class SchemaConflictError(Exception):
    """A field is stored in another type than ours: InfluxDB would refuse each point that has it."""


def require_same_types(reader: InfluxReader, measurements: Sequence[Measurement] = MEASUREMENTS) -> None:
    """Raise SchemaConflictError, naming each field of another type; UnavailableError without an answer."""
    conflicts = [line for measurement in measurements for line in _conflicts(reader, measurement)]
    if conflicts:
        raise SchemaConflictError(
            f"{'; '.join(conflicts)}. The types stand in contracts/stored.py and never change. "
            "Export what is worth keeping (`luftstrom export`), then delete the measurement from the bucket, "
            "or give the field another name."
        )


def count_series(reader: InfluxReader, guards: dict[str, SeriesGuard]) -> None:
    """Tell each bucket's guard the series that are there; raises UnavailableError without an answer."""
    for bucket in BUCKETS:
        guards[bucket.name].know(_series(reader, bucket.name))
        log.info("series_counted", bucket=bucket.name, series=guards[bucket.name].series)


def _conflicts(reader: InfluxReader, measurement: Measurement) -> Iterator[str]:
    bucket = measurement.bucket.name
    for row in reader.query(bucket, f'SHOW FIELD KEYS FROM "{measurement.name}"'):
        wanted = measurement.fields.get(row["fieldKey"])
        if wanted is not None and wanted != row["fieldType"]:
            yield (
                f"{row['fieldKey']} of {measurement.name} in bucket '{bucket}' is stored as "
                f"{row['fieldType']}, and we write {wanted}"
            )


def _series(reader: InfluxReader, bucket: str) -> Iterator[str]:
    for chunk in reader.chunks(bucket, "SHOW SERIES"):
        for (series,) in chunk.values:
            yield series

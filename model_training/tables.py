"""Hourly tables as Parquet: one file a measure, and what tells which data it was."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from contracts.errors import BadInputError
from forecasting.card import DataFingerprint
from forecasting.hourly_table import HOUR_S, HourlyRows, HourlyTable, Integers, hourly_table, place_ids

# What every source knows of an hour; files know upstream's number of the place besides.
HOUR_COLUMNS: dict[str, pl.DataType] = {
    "sensor_id": pl.Int64(),
    "starts_at_s": pl.Int64(),
    "mean": pl.Float64(),
    "count": pl.Int64(),
    "lat": pl.Float64(),
    "lon": pl.Float64(),
}
SCHEMA = HOUR_COLUMNS | {"location": pl.Int64()}
KEYS = ("sensor_id", "starts_at_s", "lat", "lon")


def write_hours(folder: Path, measure: str, hours: pl.DataFrame) -> Path:
    """Write one measure's hours, sorted, columns as `SCHEMA`; a missing location is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{measure}.parquet"
    absent = [
        pl.lit(None, dtype=kind).alias(name) for name, kind in SCHEMA.items() if name not in hours.columns
    ]
    whole = hours.with_columns(absent).select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
    whole.sort(KEYS).write_parquet(path, compression="zstd")
    return path


def read_hours(folder: Path, measure: str) -> pl.DataFrame:
    """One measure's hours; raises BadInputError where there is no such table."""
    path = folder / f"{measure}.parquet"
    if not path.is_file():
        known = ", ".join(measures_in(folder)) or "none"
        raise BadInputError("no_table", f"{path} is not there (measures there: {known}); fetch it first")
    hours = pl.read_parquet(path)
    if missing := set(SCHEMA) - set(hours.columns):
        raise BadInputError("bad_table", f"{path} lacks the columns {sorted(missing)}; fetch it anew")
    return hours


def measures_in(folder: Path) -> list[str]:
    """Measures that a folder has tables of."""
    return sorted(path.stem for path in folder.glob("*.parquet"))


@dataclass(frozen=True, slots=True)
class Data:
    """A measure's table, where each series stands, and its fingerprint.

    `locations` (series,): upstream's number of the place, or one made of the position.
    """

    table: HourlyTable
    locations: Integers
    fingerprint: DataFingerprint


def read_data(
    folder: Path,
    measure: str,
    *,
    covariates: tuple[str, ...],
    from_s: int | None = None,
    until_s: int | None = None,
) -> Data:
    """The table of a measure with the covariates that the folder has, cut to the span."""
    hours = read_hours(folder, measure)
    if from_s is not None:
        hours = hours.filter(pl.col("starts_at_s") >= from_s)
    if until_s is not None:
        hours = hours.filter(pl.col("starts_at_s") < until_s)
    if hours.is_empty():
        raise BadInputError("empty_table", f"{folder}/{measure}.parquet has no hour of that span")
    first, last = (int(hours["starts_at_s"].min()), int(hours["starts_at_s"].max()))  # type: ignore[arg-type]
    others = {name: read_hours(folder, name) for name in covariates}
    rows = joined_rows({measure: hours} | others)
    span = (last - first) // HOUR_S + 1
    table = hourly_table(rows, measure, covariates=covariates, starts_at_s=first, hours=span)
    return Data(table, _locations(hours, table), fingerprint(table, source=folder.name))


def joined_rows(hours_by_measure: dict[str, pl.DataFrame]) -> HourlyRows:
    """Rows of several measures as one."""
    frames = list(hours_by_measure.values())
    names = np.concatenate(
        [np.full(len(each), name, dtype=object) for name, each in hours_by_measure.items()]
    )
    columns = [np.concatenate([each[column].to_numpy() for each in frames]) for column in HOUR_COLUMNS]
    return HourlyRows(names, *columns)


def fingerprint(table: HourlyTable, *, source: str) -> DataFingerprint:
    """Which data it is: equal tables have equal fingerprints, wherever they came from."""
    digest = hashlib.sha256()
    for part in (table.sensor_ids, table.places, np.int64(table.starts_at_s), table.values):
        digest.update(np.ascontiguousarray(part).tobytes())
    for name in sorted(table.covariates):
        digest.update(name.encode() + np.ascontiguousarray(table.covariates[name]).tobytes())
    return DataFingerprint(
        source, table.starts_at_s, table.starts_at_s + table.hours * HOUR_S, len(table.values),
        int(np.isfinite(table.values).sum()), digest.hexdigest(),
    )  # fmt: skip


def _locations(hours: pl.DataFrame, table: HourlyTable) -> Integers:
    places = place_ids(hours["lat"].to_numpy(), hours["lon"].to_numpy())
    known = hours["location"].fill_null(-1).to_numpy()
    by_series = dict(
        zip(zip(hours["sensor_id"].to_list(), places.tolist(), strict=True), known.tolist(), strict=True)
    )
    found = [by_series[key] for key in zip(table.sensor_ids.tolist(), table.places.tolist(), strict=True)]
    return np.where(np.array(found) >= 0, found, table.places)

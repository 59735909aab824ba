"""Readings of sensor.community in files: the archive's daily CSV, and Parquet of the same columns."""

from pathlib import Path

import polars as pl

from contracts.errors import BadInputError
from contracts.measures import MEASURES

VALUE_TYPES = tuple(name for measure in MEASURES for name in measure.upstream)
COLUMNS = ("sensor_id", "location", "lat", "lon")


def readings_in(path: Path) -> pl.DataFrame:
    """The readings of one file: sensor_id, location, lat, lon, observed_at_s and a column a value type.

    Raises BadInputError, naming the file, where it is none.
    """
    try:
        if path.suffix == ".parquet":
            whole = pl.read_parquet(path)
        else:
            whole = pl.read_csv(path, separator=";", infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadInputError("unreadable_file", f"{path}: {error}") from error
    if missing := {*COLUMNS, "timestamp"} - set(whole.columns):
        raise BadInputError("no_readings", f"{path} lacks the columns {sorted(missing)}")
    values = [pl.col(name).cast(pl.Float64, strict=False) for name in VALUE_TYPES if name in whole.columns]
    return whole.select(
        pl.col("sensor_id").cast(pl.Int64, strict=False), pl.col("location").cast(pl.Int64, strict=False),
        _rounded("lat"), _rounded("lon"), _moment(whole).alias("observed_at_s"), *values,
    ).drop_nulls(["sensor_id", "observed_at_s"])  # fmt: skip


def reading_files(folder: Path) -> list[Path]:
    """Files of readings in a folder and those below it, or the file itself."""
    if folder.is_file():
        return [folder]
    found = [each for kind in ("raw_*.parquet", "*.csv", "*.csv.gz") for each in folder.rglob(kind)]
    return sorted(each for each in found if "_sensor_" in each.name or each.suffix == ".parquet")


def _rounded(name: str) -> pl.Expr:
    # Positions are published with three decimals; single precision and text must come out equal.
    return pl.col(name).cast(pl.Float64, strict=False).round(4)


def _moment(whole: pl.DataFrame) -> pl.Expr:
    if whole.schema["timestamp"] == pl.String:
        return (
            pl.col("timestamp").str.head(19).str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False).dt.epoch("s")
        )
    return pl.col("timestamp").dt.epoch("s")

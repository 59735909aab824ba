"""Hours of stations in a CSV, as weather services and cities publish them once the columns are renamed.

Columns `station`, `lat`, `lon`, `time` and one for each measure, named and in the unit as in
`contracts.measures`; a measure of another name can be a covariate. Several rows of one hour are averaged.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from contracts.errors import BadInputError
from contracts.measures import MEASURE_BY_NAME
from forecasting.hourly_table import Floats
from model_training.hourly_rule import HOUR_S, WHOLE_HOUR

KEYS = ("station", "lat", "lon", "time")
LAT_MAX, LON_MAX = 90.0, 180.0
ISO = r"^\d{4}-\d{2}-\d{2}"


def is_of_stations(path: Path) -> bool:
    """Whether a file is such a CSV, by its first line; its name ends in .csv or .csv.gz."""
    if not path.is_file() or ".csv" not in path.suffixes[-2:]:
        return False
    try:
        columns = pl.read_csv(path, n_rows=0, infer_schema=False).columns
    except (pl.exceptions.PolarsError, OSError):
        return False
    return set(KEYS) <= set(columns)


def station_hours(path: Path) -> Iterator[tuple[str, pl.DataFrame]]:
    """Each measure with its hours; stations are numbered from 1, in the order of their names.

    Raises BadInputError, naming the file and the line, where a time or a position is none, where there is no
    measure, or most of its values are in another unit. A value that is no number is missing.
    """
    try:
        whole = pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadInputError("unreadable_file", f"{path}: {error}") from error
    measures = [name for name in whole.columns if name not in KEYS]
    if not measures:
        raise BadInputError("no_measures", f"{path} has no column beside {', '.join(KEYS)}")
    iso = pl.when(pl.col("time").str.contains(ISO)).then(pl.col("time"))  # of 02/01 nobody knows the month
    moment = iso.str.to_datetime(time_zone="UTC", strict=False).dt.epoch("s")
    rows = whole.select(
        pl.col("station").rank("dense").cast(pl.Int64).alias("sensor_id"),
        (moment // HOUR_S * HOUR_S).alias("starts_at_s"),
        _degrees("lat", LAT_MAX),
        _degrees("lon", LON_MAX),
        *(pl.col(name).cast(pl.Float64, strict=False) for name in measures),
    )
    _require_keys(rows, path)
    for measure in measures:
        known = rows.filter(pl.col(measure).is_finite())
        _require_unit(measure, known[measure].to_numpy(), path)
        hours = known.group_by("sensor_id", "starts_at_s", "lat", "lon").agg(mean=pl.col(measure).mean())
        yield measure, hours.with_columns(count=pl.lit(WHOLE_HOUR), location="sensor_id")


def _require_unit(name: str, values: Floats, path: Path) -> None:
    measure = MEASURE_BY_NAME.get(name)
    if measure is None or not len(values):
        return
    middle = float(np.median(values))
    if not measure.low <= middle <= measure.high:
        raise BadInputError(
            "wrong_unit",
            f"{path}: {name} is {middle} in the middle; wants {measure.unit}, {measure.low} … {measure.high}",
        )


def _degrees(name: str, most: float) -> pl.Expr:
    degrees = pl.col(name).cast(pl.Float64, strict=False)
    return pl.when(degrees.is_between(-most, most)).then(degrees)


def _require_keys(rows: pl.DataFrame, path: Path) -> None:
    lacking = pl.any_horizontal(pl.col("sensor_id", "starts_at_s", "lat", "lon").is_null())
    bad = rows.select(lacking.arg_true().first()).item()
    if bad is not None:
        raise BadInputError(
            "bad_line",
            f"{path}, line {bad + 2}: wants a station, a time such as 2017-01-01T00:00:00Z, a latitude and a "
            "longitude in degrees",
        )

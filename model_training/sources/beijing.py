"""The Beijing multi-site data (UCI 501, CC BY 4.0): twelve official stations, hourly, 2013 to 2017.

Not citizens' sensors: it is here to measure the forecaster by, with its own covariates.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from model_training.hourly_rule import WHOLE_HOUR

POSITION_BY_STATION = {
    "Aotizhongxin": (39.982, 116.397), "Changping": (40.217, 116.230), "Dingling": (40.292, 116.220),
    "Dongsi": (39.929, 116.417), "Guanyuan": (39.929, 116.339), "Gucheng": (39.914, 116.184),
    "Huairou": (40.328, 116.628), "Nongzhanguan": (39.937, 116.461), "Shunyi": (40.127, 116.655),
    "Tiantan": (39.886, 116.407), "Wanliu": (39.987, 116.287), "Wanshouxigong": (39.878, 116.352),
}  # fmt: skip
STATIONS = sorted(POSITION_BY_STATION)  # a station's number is its place here, from 1
CHINA_STANDARD_TIME_S = 8 * 3600
SECTORS = ("N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW")

COLUMN_BY_MEASURE = {
    "pm25": "pm25", "pm10": "pm10", "so2": "so2", "no2": "no2", "co": "co", "o3": "o3", "temperature": "temp",
    "pressure": "pres", "dew_point": "dewp", "humidity": "rh", "rain": "rain", "wind_speed": "wspm",
    "wind_east": "wind_east", "wind_north": "wind_north",
}  # fmt: skip


def beijing_hours(path: Path) -> Iterator[tuple[str, pl.DataFrame]]:
    """Each measure with its hours, times in UTC."""
    whole = _with_wind(pl.read_parquet(path).with_columns(pl.col("station").cast(pl.String)))
    station = pl.col("station")
    north = {name: position[0] for name, position in POSITION_BY_STATION.items()}
    east = {name: position[1] for name, position in POSITION_BY_STATION.items()}
    number = {name: number for number, name in enumerate(STATIONS, start=1)}
    for measure, column in COLUMN_BY_MEASURE.items():
        yield measure, whole.select(
            sensor_id=station.replace_strict(number, return_dtype=pl.Int64),
            starts_at_s=pl.col("time").dt.epoch("s") - CHINA_STANDARD_TIME_S,
            mean=pl.col(column).cast(pl.Float64), count=pl.lit(WHOLE_HOUR),
            lat=station.replace_strict(north, return_dtype=pl.Float64),
            lon=station.replace_strict(east, return_dtype=pl.Float64),
            location=station.replace_strict(number, return_dtype=pl.Int64),
        ).drop_nulls("mean")  # fmt: skip


def _with_wind(whole: pl.DataFrame) -> pl.DataFrame:
    """The wind as two numbers: where it comes from, by its speed."""
    angle = {name: 2 * np.pi * number / len(SECTORS) for number, name in enumerate(SECTORS)}
    radians = pl.col("wd").cast(pl.String).replace_strict(angle, default=None, return_dtype=pl.Float64)
    return whole.with_columns(
        wind_east=radians.sin() * pl.col("wspm"), wind_north=radians.cos() * pl.col("wspm")
    )

"""What the archive's files say, read by polars and not by us, and the same of records of the log."""

import json
from collections import Counter
from datetime import UTC, datetime

import polars as pl

SENSOR = ("sensor_id", "sensor_type", "location", "lat", "lon", "timestamp")


def readings_in(folder):
    """Each reading of the .csv files in a folder: its sensor's cells, its Unix second and its values."""
    readings = Counter()
    for path in folder.rglob("*.csv"):
        table = pl.read_csv(path, separator=";", infer_schema=False).with_columns(
            pl.col("timestamp").str.to_datetime(time_unit="ms", time_zone="UTC").dt.epoch("s").alias("second")
        )
        value_types = [name for name in table.columns if name not in {*SENSOR, "second"}]
        for row in table.rows(named=True):
            values = frozenset((name, row[name]) for name in value_types if row[name] is not None)
            readings[int(row["sensor_id"]), *(row[name] for name in SENSOR[1:5]), row["second"], values] += 1
    return readings


def read_back(records):
    """The same of upstream records as bytes."""
    return Counter(map(_reading, map(json.loads, records)))


def _reading(record):
    sensor, location = record["sensor"], record["location"]
    moment = datetime.fromisoformat(record["timestamp"]).replace(tzinfo=UTC)
    values = frozenset((each["value_type"], each["value"]) for each in record["sensordatavalues"])
    return (
        sensor["id"], sensor["sensor_type"]["name"], str(location["id"]), location["latitude"],
        location["longitude"], int(moment.timestamp()), values,
    )  # fmt: skip

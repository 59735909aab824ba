"""Make the recordings of this folder from the data sets of sensor.community; see README.md.

    python -m local_stack.recordings.make --samples DIR --out DIR

The samples folder holds `sensor-community-json-samples` and `luftdaten-aberdeen`. The same input makes
the same records.
"""

import argparse
import gzip
import lzma
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

SNAPSHOTS = "sensor-community-json-samples/reconstructed_data_json_2019-05-12_14.jsonl.gz"
ARCHIVE = "luftdaten-aberdeen/raw_{}.parquet"
FROM, UNTIL = datetime(2019, 3, 22, tzinfo=UTC), datetime(2019, 4, 1, tzinfo=UTC)
# Made up, and below those of the other recording: 3,490,000,000 and 7,400,000,000.
FIRST_ID, FIRST_VALUE_ID = 3_200_000_000, 7_000_000_000


class SensorType(msgspec.Struct, frozen=True):
    """Kind of a sensor, as upstream gives it."""

    id: int
    name: str
    manufacturer: str


class Sensor(msgspec.Struct, frozen=True):
    """A sensor and the pin that it hangs on."""

    id: int
    pin: str
    sensor_type: SensorType


class Location(msgspec.Struct, frozen=True):
    """Where a sensor stands; degrees as text."""

    id: int
    latitude: str
    longitude: str
    altitude: str
    country: str
    exact_location: int
    indoor: int


class Value(msgspec.Struct, frozen=True):
    """One measured value as text."""

    id: int
    value: str
    value_type: str


class Record(msgspec.Struct, frozen=True):
    """One upstream record, members in upstream's order."""

    id: int
    sampling_rate: None
    timestamp: str
    location: Location
    sensor: Sensor
    sensordatavalues: list[Value]


class Snapshot(msgspec.Struct):
    """One line of the snapshots: `data` as one answer of data.json, each record as its bytes."""

    data: list[msgspec.Raw]


# Sensor type of each archive file, its pin, and its values in upstream's order.
ARCHIVED = {
    "sds011": (SensorType(id=14, name="SDS011", manufacturer="Nova Fitness"), "1", ("P1", "P2")),
    "dht22": (SensorType(id=9, name="DHT22", manufacturer="various"), "7", ("temperature", "humidity")),
    "bme280": (
        SensorType(id=17, name="BME280", manufacturer="Bosch"),
        "11",
        ("pressure", "temperature", "humidity"),
    ),
}


class ArchiveRow(NamedTuple):
    """One row of an archive file, numbers as the shortest text that gives the same float32; sorts by time."""

    timestamp: str
    sensor_id: int
    file: str
    location: int
    latitude: str
    longitude: str
    values: tuple[str | None, ...]


def main() -> None:
    """Write both recordings and print what they hold."""
    parser = argparse.ArgumentParser(description="Make the recordings from the data sets.")
    parser.add_argument("--samples", type=Path, required=True, help="the folder that holds the data sets")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write the recordings to")
    arguments = parser.parse_args()

    may = snapshot_records(arguments.samples / SNAPSHOTS)
    write(arguments.out / "aberdeen-2019-05-12.jsonl.xz", may)
    sensor_ids = {record.sensor.id for record in decoded(may)}
    rows = archive_rows(arguments.samples, sensor_ids)
    write(arguments.out / "aberdeen-2019-03-22.jsonl.xz", archive_records(rows))


def snapshot_records(path: Path) -> list[bytes]:
    """Each record of the snapshots once, byte for byte, sorted by timestamp and id."""
    with gzip.open(path) as lines:
        raws = [bytes(raw) for line in lines for raw in msgspec.json.decode(line, type=Snapshot).data]
    keyed = [(record.timestamp, record.id, raw) for record, raw in zip(decoded(raws), raws, strict=True)]
    return [raw for _, _, raw in sorted(keyed)]


def archive_rows(samples: Path, sensor_ids: set[int]) -> list[ArchiveRow]:
    """The archive's rows of these sensors and the ten days, sorted by timestamp and sensor."""
    return sorted(
        ArchiveRow(timestamp, sensor_id, file, location, latitude, longitude, tuple(values))
        for file, (_, _, value_types) in ARCHIVED.items()
        for timestamp, sensor_id, location, latitude, longitude, *values in archive_table(
            samples / ARCHIVE.format(file), sensor_ids, value_types
        ).rows()
    )


def archive_table(path: Path, sensor_ids: set[int], value_types: tuple[str, ...]) -> pl.DataFrame:
    """Columns timestamp, sensor_id, location, lat, lon and the values; all text but the two ids."""
    return (
        pl.read_parquet(path)
        .filter(
            pl.col("sensor_id").is_in(sorted(sensor_ids)),
            pl.col("timestamp").dt.replace_time_zone("UTC").is_between(FROM, UNTIL, closed="left"),
        )
        .select(
            pl.col("timestamp").dt.strftime("%Y-%m-%d %H:%M:%S"),
            "sensor_id",
            "location",
            pl.col("lat", "lon", *value_types).cast(pl.String),
        )
    )


def archive_records(rows: list[ArchiveRow]) -> list[bytes]:
    """The rows as upstream records with made-up ids; a null is left out, and so is a row of nulls."""
    value_ids = count(FIRST_VALUE_ID)
    nulls = sum(value is None for row in rows for value in row.values)
    readings = [row for row in rows if any(value is not None for value in row.values)]
    repeats = len(rows) - len({(row.sensor_id, row.timestamp) for row in rows})
    print(
        f"archive: {len(rows)} rows, {nulls} null values left out, "
        f"{len(rows) - len(readings)} rows without a value left out, "
        f"{repeats} readings of one sensor in the same second"
    )
    return [
        msgspec.json.encode(archive_record(row, record_id, value_ids))
        for record_id, row in enumerate(readings, start=FIRST_ID)
    ]


def archive_record(row: ArchiveRow, record_id: int, value_ids: Iterator[int]) -> Record:
    """One row in upstream's shape; what the archive does not say is as in the samples."""
    sensor_type, pin, value_types = ARCHIVED[row.file]
    return Record(
        id=record_id,
        sampling_rate=None,
        timestamp=row.timestamp,
        location=Location(
            id=row.location,
            latitude=row.latitude,
            longitude=row.longitude,
            altitude="",
            country="GB",
            exact_location=0,
            indoor=0,
        ),
        sensor=Sensor(id=row.sensor_id, pin=pin, sensor_type=sensor_type),
        sensordatavalues=[
            Value(id=next(value_ids), value=value, value_type=value_type)
            for value_type, value in zip(value_types, row.values, strict=True)
            if value is not None
        ],
    )


def decoded(raws: list[bytes]) -> list[Record]:
    """The records of these bytes."""
    decoder = msgspec.json.Decoder(Record)
    return [decoder.decode(raw) for raw in raws]


def write(path: Path, raws: list[bytes]) -> None:
    """Write one record a line, compressed, and print what the file holds."""
    path.write_bytes(lzma.compress(b"".join(raw + b"\n" for raw in raws), preset=9))
    records = decoded(raws)
    readings = Counter(record.sensor.sensor_type.name for record in records)
    values = Counter(value.value_type for record in records for value in record.sensordatavalues)
    print(f"{path.name}: {path.stat().st_size} bytes, {len(records)} readings, {values.total()} values")
    print(f"  {records[0].timestamp} to {records[-1].timestamp}")
    print(f"  sensors: {len({record.sensor.id for record in records})}")
    print(f"  readings: {dict(sorted(readings.items()))}")
    print(f"  values: {dict(sorted(values.items()))}")


if __name__ == "__main__":
    main()

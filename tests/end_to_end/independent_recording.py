"""A second reading of the recordings, which shares no code with the product.

Everything here is written out by hand on purpose: were it imported, a wrong unit in the product
would be wrong here too.
"""

import json
import lzma
from datetime import UTC, datetime
from pathlib import Path

RECORDINGS = Path(__file__).parents[2] / "local_stack" / "recordings"

# value_type -> (stored field, factor); the recordings hold SDS011, DHT22 and BME280 sensors.
FIELD_OF_VALUE_TYPE = {
    "P1": ("pm10_ug_m3", 1.0),
    "P2": ("pm25_ug_m3", 1.0),
    "temperature": ("temperature_c", 1.0),
    "humidity": ("humidity_pct", 1.0),
    "pressure": ("pressure_hpa", 0.01),
}
RANGE_OF_FIELD = {
    "pm10_ug_m3": (0.0, 1900.0),
    "pm25_ug_m3": (0.0, 900.0),
    "temperature_c": (-50.0, 60.0),
    "humidity_pct": (0.0, 100.0),
    "pressure_hpa": (300.0, 1100.0),
}


def records_of(name):
    with lzma.open(RECORDINGS / f"{name}.jsonl.xz", "rt") as lines:
        return [json.loads(line) for line in lines]


def observed_at_s(record):
    moment = datetime.strptime(record["timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return int(moment.timestamp())


def points_of(records, *, shift_s):
    """Value by (field, sensor id, Unix second) of every value, as it must be stored."""
    points = {}
    for record in records:
        for entry in record["sensordatavalues"]:
            field, factor = FIELD_OF_VALUE_TYPE[entry["value_type"]]
            point = (field, record["sensor"]["id"], observed_at_s(record) + shift_s)
            assert point not in points, "the recording itself has a value twice"
            points[point] = float(entry["value"]) * factor
    return points


def doubted_points(points):
    """The points that lie outside the plausible range of their measure."""
    doubted = set()
    for point, value in points.items():
        low, high = RANGE_OF_FIELD[point[0]]
        if not low <= value <= high:
            doubted.add(point)
    return doubted

"""What each peer is told, and the point that a message becomes by the client's own means."""

import sys
from typing import Any, NamedTuple

from influxdb_client import Point, WritePrecision

from benchmarks.storing.load import FIELD_BY_TOPIC


class Arguments(NamedTuple):
    """Addresses of the servers, the token of InfluxDB, and how many values there are."""

    bootstrap_servers: str
    influx_url: str
    org: str
    token: str
    values: str


def arguments() -> Arguments:
    """As they stand on the command line."""
    return Arguments(*sys.argv[1:])


def point_of(topic: str, message: dict[str, Any]) -> Point:
    """The same point as ours."""
    field = FIELD_BY_TOPIC[topic]
    return (
        Point("air")
        .tag("sensor_id", message["sensor_id"])
        .tag("sensor_type", message["sensor_type"])
        .tag("country", message["country"])
        .tag("city", message["city"])
        .field(field, message["value"])
        .field(f"{field.partition('_')[0]}_flags", message["flags"])
        .field("lat", message["lat"])
        .field("lon", message["lon"])
        .field("indoor", message["indoor"])
        .time(message["observed_at_s"], WritePrecision.S)
    )

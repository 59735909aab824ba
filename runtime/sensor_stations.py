"""Who sends: the sensors of the store with their last known position, near a point or in a place."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from contracts.stored import AIR, LIVE_BUCKET
from runtime.air_query import tag_conditions
from runtime.influx_reader import InfluxReader

EARTH_RADIUS_KM = 6371.0088  # mean radius, IUGG
DAY_S = 24 * 3600
# About 100 m: where somebody lives is nobody's business.
POSITION_DECIMALS = 3


class Near(NamedTuple):
    """Within so many kilometres of a point, degrees."""

    lat: float
    lon: float
    km: float


@dataclass(frozen=True, slots=True)
class Station:
    """One sensor; its position in degrees, rounded; `last_seen_at_s` Unix seconds.

    `distance_km` is None where nobody asked from where.
    """

    sensor_id: int
    sensor_type: str
    country: str
    city: str
    lat: float
    lon: float
    is_indoor: bool
    last_seen_at_s: int
    distance_km: float | None = None


STATION_COLUMNS = tuple(Station.__dataclass_fields__)


def stations(
    influx: InfluxReader,
    *,
    within_s: int,
    near: Near | None = None,
    country: str | None = None,
    city: str | None = None,
) -> list[Station]:
    """Who sent within so many seconds: the nearest first, else by place."""
    rows = influx.query(LIVE_BUCKET, _influxql(within_s, country, city))
    # A sensor that moved to another city is two series: the last one counts.
    row_by_sensor = {row["sensor_id"]: row for row in sorted(rows, key=lambda row: row["time"])}
    found = [_station(row, near) for row in row_by_sensor.values()]
    if near is not None:
        found = [each for each in found if each.distance_km is not None and each.distance_km <= near.km]
    return sorted(found, key=lambda each: (each.distance_km or 0.0, each.country, each.city, each.sensor_id))


def distance_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Along the great circle, degrees to kilometres; the haversine formula."""
    phi, other_phi = math.radians(lat), math.radians(other_lat)
    half_lat, half_lon = (other_phi - phi) / 2, math.radians(other_lon - lon) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(phi) * math.cos(other_phi) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))


def as_geojson(found: list[Station]) -> dict[str, Any]:
    """A FeatureCollection (RFC 7946): longitude before latitude, WGS 84."""
    return {"type": "FeatureCollection", "features": [_feature(station) for station in found]}


def _feature(station: Station) -> dict[str, Any]:
    names = ("sensor_id", "sensor_type", "country", "city", "is_indoor", "last_seen_at_s", "distance_km")
    return {
        "type": "Feature",
        "id": station.sensor_id,
        "geometry": {"type": "Point", "coordinates": [station.lon, station.lat]},
        "properties": {name: getattr(station, name) for name in names},
    }


def _influxql(within_s: int, country: str | None, city: str | None) -> str:
    where = "".join(f" AND {each}" for each in tag_conditions(country=country, city=city))
    return (
        f'SELECT last("lat") AS lat, "lon", "indoor" FROM "{AIR}" '  # noqa: S608 - quoted
        f"WHERE time > now() - {within_s}s AND time < now() + 1d{where} "
        "GROUP BY sensor_id, sensor_type, country, city"
    )


def _station(row: dict[str, Any], near: Near | None) -> Station:
    away_km = None if near is None else distance_km(near.lat, near.lon, row["lat"], row["lon"])
    return Station(
        sensor_id=int(row["sensor_id"]),
        sensor_type=row["sensor_type"],
        country=row["country"],
        city=row["city"],
        lat=round(float(row["lat"]), POSITION_DECIMALS),
        lon=round(float(row["lon"]), POSITION_DECIMALS),
        is_indoor=bool(row["indoor"]),
        last_seen_at_s=int(row["time"]),
        distance_km=None if away_km is None else round(away_km, POSITION_DECIMALS),
    )

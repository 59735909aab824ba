"""The last value of each sensor: what a map shows."""

from typing import Any

from contracts.measures import Measure
from contracts.stored import AIR, LIVE_BUCKET
from runtime.air_query import tag_conditions
from runtime.influx_reader import InfluxReader
from runtime.sensor_stations import POSITION_DECIMALS


def latest_values(
    influx: InfluxReader, measure: Measure, *, within_s: int, country: str | None, city: str | None
) -> list[dict[str, Any]]:
    """Of each sensor that measured within so many seconds: value, flags, when, where; positions rounded.

    `time` is Unix seconds, `value` in the measure's unit, `lat` and `lon` degrees or None.
    """
    rows = influx.query(LIVE_BUCKET, _influxql(measure, within_s, country, city))
    # A sensor that moved to another city is two series: the last one counts.
    row_by_sensor = {row["sensor_id"]: row for row in sorted(rows, key=lambda row: row["time"])}
    return [_latest(row) for _, row in sorted(row_by_sensor.items(), key=lambda each: int(each[0]))]


def _influxql(measure: Measure, within_s: int, country: str | None, city: str | None) -> str:
    where = "".join(f" AND {each}" for each in tag_conditions(country=country, city=city))
    return (
        f'SELECT last("{measure.field}") AS value, "{measure.flags_field}" AS flags, lat, lon, indoor '  # noqa: S608
        f'FROM "{AIR}" WHERE time > now() - {within_s}s AND time < now() + 1d{where} '
        "GROUP BY sensor_id, sensor_type, country, city"
    )


def _latest(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "sensor_id": int(row["sensor_id"]),
        "sensor_type": row["sensor_type"],
        "country": row["country"],
        "city": row["city"],
        "lat": _rounded(row["lat"]),
        "lon": _rounded(row["lon"]),
        "is_indoor": bool(row["indoor"]),
        "time": int(row["time"]),
        "value": row["value"],
        "flags": row["flags"] or 0,
    }


def _rounded(degrees: float | None) -> float | None:
    return None if degrees is None else round(float(degrees), POSITION_DECIMALS)

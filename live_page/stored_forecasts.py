"""The newest forecasts of a sensor or a place, as they are stored."""

from typing import Any

from contracts.stored import FORECAST, FORECASTS_NEWEST, QUANTILE_FIELDS
from runtime.air_query import AirQuery, conditions, quoted
from runtime.influx_reader import InfluxReader

TAGS = ("sensor_id", "method", "country", "city")
FIELDS = (*QUANTILE_FIELDS, "issued_at", "horizon_h", "model")


def forecast_influxql(query: AirQuery, rows_max: int) -> str:
    """The query as InfluxQL, oldest hour first; both ends are given, for else it would stop at now."""
    chosen = ", ".join(f'"{name}"' for name in (*FIELDS, *TAGS))
    return (
        f'SELECT {chosen} FROM "{FORECASTS_NEWEST.name}" WHERE {conditions(query)} '  # noqa: S608 - quoted
        f'AND "measure" = {quoted(query.measure.name)} '
        f"AND time >= {query.from_s}s AND time < {query.to_s}s ORDER BY time ASC LIMIT {rows_max}"
    )


def forecasts(influx: InfluxReader, query: AirQuery, *, rows_max: int) -> list[dict[str, Any]]:
    """The newest forecast of each hour; `time` (valid at) and `issued_at` are Unix seconds."""
    return influx.query(FORECAST.name, forecast_influxql(query, rows_max))

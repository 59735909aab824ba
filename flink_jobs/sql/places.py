"""Cities by the hour, as text: sensors, mean, median, air quality indices, the ten highest and lowest."""

from contracts.air_quality_indices import NOWCAST_HOURS
from contracts.topics import PLACE_RANKS_1H, PLACES_1H
from flink_jobs.connectors import Connectors
from flink_jobs.sql.aggregate import HOUR_MIN, MICRO, epoch_s, utc
from flink_jobs.sql.indices import (
    european_level_sql,
    index_measure_case,
    us_sub_index_sql,
    with_nowcast_sql,
)
from flink_jobs.sql.readings import of_station
from flink_jobs.sql.text import Step, Table, minutes, table

RANKS = 10
_MEANS = tuple(f"mean_{age}" for age in range(NOWCAST_HOURS))  # of the last hours, the newest first

_PLACE_COLUMNS = (
    "place_key STRING",
    "country STRING",
    "city STRING",
    "measure STRING",
    "starts_at_s BIGINT",
    "sensors BIGINT",
    "mean DOUBLE",
    "median DOUBLE",
    "european_aqi INT",
    "nowcast DOUBLE",
    "us_aqi INT",
)

_RANK_COLUMNS = (
    "place_key STRING",
    "country STRING",
    "city STRING",
    "measure STRING",
    "starts_at_s BIGINT",
    "is_highest BOOLEAN",
    "`rank` BIGINT",
    "sensor_id BIGINT",
    "mean DOUBLE",
    "sensor_type STRING",
    "lat DOUBLE",
    "lon DOUBLE",
)


def tables(connectors: Connectors) -> tuple[Table, ...]:
    """The sinks."""
    return (
        table("places", _PLACE_COLUMNS, connectors.sink("places", (PLACES_1H,), key="place_key")),
        table("place_ranks", _RANK_COLUMNS,
              connectors.sink("place-ranks", (PLACE_RANKS_1H,), key="place_key")),
    )  # fmt: skip


def steps() -> tuple[Step, ...]:
    """Each a named view with one purpose."""
    return (
        Step("outdoor_hours", _OUTDOOR_HOURS),
        Step("place_hours", _PLACE_HOURS),
        Step("recent_place_hours", _recent_place_hours()),
        Step("indexed_place_hours", with_nowcast_sql("recent_place_hours", hours=_MEANS)),
    )


def inserts() -> tuple[str, ...]:
    """INSERT statements, for one statement set."""
    return _insert_places(), _insert_ranks()


# one row: an hour of an outdoor sensor of a known city
_OUTDOOR_HOURS = f"""
SELECT sensor_id, {of_station()}, measure, mean, window_start, window_end, window_time FROM hours
WHERE mean IS NOT NULL AND station.city IS NOT NULL AND station.country IS NOT NULL
  AND (station.indoor = 1) IS NOT TRUE
"""

# one row: an hour of a city
_PLACE_HOURS = f"""
SELECT country, city, measure, window_time AS closed_at,
  COUNT(*) AS sensors,
  CAST(SUM(CAST(ROUND(mean * {MICRO}) AS BIGINT)) AS DOUBLE) / COUNT(*) / {MICRO} AS mean,
  PERCENTILE(mean, 0.5) AS median
FROM outdoor_hours
GROUP BY country, city, measure, window_start, window_end, window_time
"""


def _recent_place_hours() -> str:
    """One row: a city's newest hour in twelve, and the means of all twelve, the newest first.

    Every hour is in twelve windows, and the newest of one.
    """
    age = f"TIMESTAMPDIFF(HOUR, closed_at, {utc('window_end')})"
    hours = ",\n  ".join(
        f"MAX(CASE WHEN {age} = {n} THEN mean END) AS {column}" for n, column in enumerate(_MEANS)
    )
    newest = ", ".join(
        f"MAX(CASE WHEN {age} = 0 THEN {column} END) AS {column}" for column in ("sensors", "median")
    )
    return f"""
SELECT country, city, measure, window_end, {newest},
  {hours}
FROM TABLE(HOP(TABLE place_hours, DESCRIPTOR(closed_at),
  {minutes(HOUR_MIN)}, {minutes(NOWCAST_HOURS * HOUR_MIN)}))
GROUP BY country, city, measure, window_start, window_end
"""


def _insert_places() -> str:
    starts_at = f"{utc('window_end')} - {minutes(HOUR_MIN)}"
    return f"""
INSERT INTO places (event_time, place_key, country, city, measure, starts_at_s, sensors, mean, median,
  european_aqi, nowcast, us_aqi)
SELECT {starts_at}, CONCAT(country, '/', city), country, city, measure, {epoch_s(starts_at)},
  sensors, mean_0, median,
  {index_measure_case(lambda name: european_level_sql(name, "mean_0"))},
  nowcast,
  {index_measure_case(lambda name: us_sub_index_sql(name, "nowcast"))}
FROM indexed_place_hours
WHERE mean_0 IS NOT NULL
""".strip()


def _insert_ranks() -> str:
    ranked = "\nUNION ALL\n".join(
        f"""
SELECT *, {is_highest} AS is_highest FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, country, city, measure
    ORDER BY mean {order}, sensor_id ASC) AS place_rank
  FROM outdoor_hours)
WHERE place_rank <= {RANKS}""".strip()
        for is_highest, order in (("TRUE", "DESC"), ("FALSE", "ASC"))
    )
    return f"""
INSERT INTO place_ranks (event_time, place_key, country, city, measure, starts_at_s, is_highest, `rank`,
  sensor_id, mean, sensor_type, lat, lon)
SELECT {utc("window_start")}, CONCAT(country, '/', city), country, city, measure,
  {epoch_s(utc("window_start"))}, is_highest, place_rank, sensor_id, mean, sensor_type, lat, lon
FROM (
{ranked})
""".strip()

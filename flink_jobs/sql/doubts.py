"""Doubts that a reading alone does not tell, as text: each a flag of a span of time in flags-v1.

Of values: dead, spike. Of short windows: high humidity at the same location. Of hours: stuck, far from
the neighbours. docs/decisions/0005 says why they do not stand beside the values in `split`.
"""

from contracts.flags import (
    CELL_DEGREES,
    FAR_MADS,
    FAR_SENSORS_MIN,
    HUMID_ABOVE_PCT,
    HUMID_MEASURES,
    MAD_TO_SIGMA,
    STUCK_HOURS,
    Flag,
)
from contracts.measures import MEASURES
from contracts.topics import FLAGS
from flink_jobs.connectors import Connectors
from flink_jobs.sql.aggregate import epoch_s, utc
from flink_jobs.sql.readings import of_station
from flink_jobs.sql.text import Step, Table, flag_when, measure_case, number, number_or_none, table, text

_COLUMNS = (
    "sensor_key STRING",
    "sensor_id BIGINT",
    "measure STRING",
    "flags INT",
    "starts_at_s BIGINT",
    "ends_at_s BIGINT",
    "sensor_type STRING",
    "country STRING",
    "city STRING",
)

_SENSOR = f"sensor_id, {of_station(('sensor_type', 'country', 'city'))}, measure"
_HUMID = ", ".join(text(name) for name in HUMID_MEASURES)
_CELL = ", ".join(f"FLOOR(station.{each} / {CELL_DEGREES!r}E0) AS cell_{each}" for each in ("lat", "lon"))
_IS_PLACED = "station.lat IS NOT NULL AND station.lon IS NOT NULL"


def tables(connectors: Connectors) -> tuple[Table, ...]:
    """The sink."""
    return (table("flagged_spans", _COLUMNS, connectors.sink("flags", (FLAGS,), key="sensor_key")),)


def steps() -> tuple[Step, ...]:
    """Each a named view with one purpose."""
    return (
        Step("located_windows", _LOCATED_WINDOWS),
        Step("humid_windows", _HUMID_WINDOWS),
        Step("hours_in_sequence", _HOURS_IN_SEQUENCE),
        Step("stuck_hours", _stuck_hours()),
        Step("compared_hours", _COMPARED_HOURS),
        Step("deviations", _DEVIATIONS),
        Step("far_hours", _FAR_HOURS),
    )


def inserts() -> tuple[str, ...]:
    """INSERT statement, for one statement set."""
    return (_insert_flagged_spans(),)


# Rows with the same window: their times are equal, and those of the windows before are far away.
_SAME_WINDOW = "RANGE BETWEEN INTERVAL '1' SECOND PRECEDING AND CURRENT ROW"

# one row: a dust sensor's short window, or one of humidity, with the highest humidity of its location in it
_LOCATED_WINDOWS = f"""
SELECT *, MAX(humidity_high) OVER w AS humidity
FROM (
  SELECT sensor_id, station, measure, station.lat AS lat, station.lon AS lon,
    window_start, window_end, window_time, CASE WHEN measure = 'humidity' THEN high END AS humidity_high
  FROM windows_5m
  WHERE measure IN ('humidity', {_HUMID}) AND {_IS_PLACED})
WINDOW w AS (PARTITION BY lat, lon ORDER BY window_time {_SAME_WINDOW})
"""

# one row: a dust sensor's short window in humid air
_HUMID_WINDOWS = f"""
SELECT * FROM located_windows
WHERE measure IN ({_HUMID}) AND humidity > {number(HUMID_ABOVE_PCT)}
"""

# one row: an hour of a sensor and measure, with what it and the hours before were like
_HOURS_IN_SEQUENCE = f"""
SELECT *, MIN(low) OVER w AS lowest, MAX(high) OVER w AS highest, COUNT(low) OVER w AS hours_with_values,
  MIN(starts_at_s) OVER w AS first_starts_at_s
FROM hours
WINDOW w AS (PARTITION BY sensor_id, measure ORDER BY window_time
  ROWS BETWEEN {STUCK_HOURS - 1} PRECEDING AND CURRENT ROW)
"""


def _stuck_hours() -> str:
    """One row: an hour that ends so many of one value."""
    still = ", ".join(text(each.name) for each in MEASURES if each.may_stand_still)
    at = measure_case(lambda measure: number_or_none(measure.may_stand_at))
    return f"""
SELECT * FROM hours_in_sequence
WHERE lowest = highest AND hours_with_values = {STUCK_HOURS}
  AND starts_at_s - first_starts_at_s = {(STUCK_HOURS - 1) * 3600}
  AND (measure IN ({still})) IS FALSE AND (lowest = {at}) IS NOT TRUE
"""


# one row: an outdoor sensor's hour, with how many measured the same in its cell, and their median
_COMPARED_HOURS = f"""
SELECT *, COUNT(*) OVER w AS sensors, PERCENTILE(mean, 0.5) OVER w AS median
FROM (
  SELECT *, {_CELL} FROM hours
  WHERE mean IS NOT NULL AND (station.indoor = 1) IS NOT TRUE AND {_IS_PLACED}
    AND measure IN ({", ".join(text(each.name) for each in MEASURES if each.far_at_least)}))
WINDOW w AS (PARTITION BY cell_lat, cell_lon, measure ORDER BY window_time {_SAME_WINDOW})
"""

# one row: an hour of a sensor with enough neighbours, how far it is from their median, and how far they are
_DEVIATIONS = f"""
SELECT *, PERCENTILE(deviation, 0.5) OVER w AS mad
FROM (SELECT *, ABS(mean - median) AS deviation FROM compared_hours WHERE sensors >= {FAR_SENSORS_MIN})
WINDOW w AS (PARTITION BY cell_lat, cell_lon, measure ORDER BY window_time {_SAME_WINDOW})
"""

# one row: an hour of a sensor that is far from its neighbours
_FAR_HOURS = f"""
SELECT * FROM deviations
WHERE deviation > mad * {number(FAR_MADS * MAD_TO_SIGMA)}
  AND deviation > {measure_case(lambda each: number_or_none(each.far_at_least))}
"""


def _insert_flagged_spans() -> str:
    value = f"""
SELECT event_time, {_SENSOR},
  {flag_when("is_dead", Flag.DEAD)} + {flag_when("is_spike", Flag.SPIKE)} AS flags,
  at_s AS starts_at_s, at_s AS ends_at_s
FROM judged_values WHERE is_dead OR is_spike"""
    hour = f"{utc('window_start')}, {_SENSOR}, {{flag}}, starts_at_s, ends_at_s"
    spans = (
        value,
        f"SELECT {utc('window_start')}, {_SENSOR}, {Flag.HIGH_HUMIDITY.value},\n"
        f"  {epoch_s(utc('window_start'))}, {epoch_s(utc('window_end'))}\nFROM humid_windows",
        f"SELECT {hour.format(flag=Flag.STUCK.value)} FROM stuck_hours",
        f"SELECT {hour.format(flag=Flag.FAR_FROM_NEIGHBOURS.value)} FROM far_hours",
    )
    rows = "\nUNION ALL\n".join(span.strip() for span in spans)
    return f"""
INSERT INTO flagged_spans (event_time, sensor_key, sensor_id, measure, flags, starts_at_s, ends_at_s,
  sensor_type, country, city)
SELECT event_time, CAST(sensor_id AS STRING), sensor_id, measure, flags, starts_at_s, ends_at_s,
  sensor_type, country, city
FROM (
{rows})
""".strip()

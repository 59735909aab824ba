"""`aggregate` as text: windows of each sensor and measure, throughput by country, and what came too late.

A reading is late when its time is at or behind the watermark where it arrives; it is then in no window,
in no comparison with other readings, and in readings-late-v1. Every other reading is in all of them.
Sums are whole millionths, exact in whichever order they are added: a replay gives the same bits.
"""

from contracts.flags import DEAD_BELOW_UG_M3, DEAD_COUNT, DEAD_MEASURES, Flag
from contracts.measures import MEASURES
from contracts.topics import AGGREGATE_TOPICS, READINGS_LATE, THROUGHPUT_10S
from flink_jobs.connectors import Connectors
from flink_jobs.sql.readings import of_station
from flink_jobs.sql.text import (
    FINITE,
    Step,
    Table,
    measure_case,
    minutes,
    number,
    number_or_none,
    since,
    table,
    text,
)
from flink_jobs.sql.timing import Timing

HOUR_MIN, DAY_MIN = 60, 24 * 60
MICRO = "1E6"

# A shorter time between two readings says nothing about the rate of change.
SPIKE_SECONDS_MIN = 60

# A sensor that moves gets a row of its own at each place: a mean of two places is none.
SERIES = ("sensor_id", "station", "measure")

_AGGREGATE_COLUMNS = (
    "sensor_key STRING",
    "sensor_id BIGINT",
    "measure STRING",
    "starts_at_s BIGINT",
    "`count` BIGINT",
    "flagged BIGINT",
    "mean DOUBLE",
    "low DOUBLE",
    "high DOUBLE",
    "sensor_type STRING",
    "country STRING",
    "city STRING",
    "lat DOUBLE",
    "lon DOUBLE",
    "indoor INT",
)

_THROUGHPUT_COLUMNS = ("country_key STRING", "starts_at_s BIGINT", "readings BIGINT", "country STRING")

_LATE_COLUMNS = (
    "sensor_key STRING",
    "sensor_id BIGINT",
    "observed_at_s BIGINT",
    "late_s BIGINT",
    "source_topic STRING",
    "source_partition INT",
    "source_offset BIGINT",
)


def tables(connectors: Connectors) -> tuple[Table, ...]:
    """The sinks."""
    aggregates = tuple(AGGREGATE_TOPICS.values())
    return (
        table("aggregates", _AGGREGATE_COLUMNS, connectors.sink("aggregates", aggregates, key="sensor_key")),
        table("throughput", _THROUGHPUT_COLUMNS,
              connectors.sink("throughput", (THROUGHPUT_10S,), key="country_key")),
        table("late_readings", _LATE_COLUMNS,
              connectors.sink("late-readings", (READINGS_LATE,), key="sensor_key")),
    )  # fmt: skip


def steps(timing: Timing) -> tuple[Step, ...]:
    """Each a named view with one purpose."""
    return (
        Step("timely_readings", f"{_TIMELY_READINGS} AND {since(timing.windows_from_s)}"),
        Step("timely_values", f"{_TIMELY_VALUES} AND {since(timing.windows_from_s)}"),
        Step("sequenced_values", _SEQUENCED_VALUES),
        Step("judged_values", _judged_values()),
        Step("windows_5m", _windows_of_values(timing.short_window_min)),
        Step("closed_5m", _closed("windows_5m")),
        Step("windows_1h", _windows_of_windows("closed_5m", HOUR_MIN)),
        Step("closed_1h", _closed("windows_1h")),
        Step("windows_1d", _windows_of_windows("closed_1h", DAY_MIN)),
        Step("hours", _HOURS),
    )


def inserts(connectors: Connectors, timing: Timing) -> tuple[str, ...]:
    """INSERT statements, for one statement set."""
    return (
        _insert_aggregates(connectors),
        _insert_throughput(timing.throughput_window_s),
        _INSERT_LATE_READINGS,
    )


def epoch_s(time: str) -> str:
    """Unix seconds of a time."""
    return f"EXTRACT(EPOCH FROM {time})"


def utc(time: str) -> str:
    """The instant of a window's edge, which is a local time in UTC."""
    return f"CAST({time} AS TIMESTAMP_LTZ(3))"


_MEAN = f"CAST(micro_sum AS DOUBLE) / usable_count / {MICRO}"

# Of what a reading alone tells, a repaired unit alone is no doubt.
_IS_BELIEVABLE = f"flags IN (0, {Flag.UNIT_REPAIRED.value})"

_TIMELY = "(event_time <= CURRENT_WATERMARK(event_time)) IS NOT TRUE"

# one row: a reading, each once, that is neither late nor dated by a wrong clock
_TIMELY_READINGS = f"""
SELECT event_time, station.country AS country FROM fresh_readings
WHERE is_from_future IS NOT TRUE AND {_TIMELY}""".lstrip()

# one row: a value of such a reading; `believable` is NULL where the reading alone makes it doubtful
_TIMELY_VALUES = f"""
SELECT {", ".join(SERIES)}, event_time, {epoch_s("event_time")} AS at_s,
  CASE WHEN {_IS_BELIEVABLE} THEN `value` END AS believable
FROM flagged_values
WHERE measure IS NOT NULL AND `value` {FINITE} AND is_from_future IS NOT TRUE AND {_TIMELY}""".lstrip()

# one row: a value beside those before it of its sensor and measure, in the order of their times
_SEQUENCED_VALUES = f"""
SELECT *, LAG(at_s, 1) OVER w AS before_s,
  {", ".join(f"LAG(believable, {n}) OVER w AS before_{n}" for n in range(1, DEAD_COUNT))}
FROM timely_values
WINDOW w AS (PARTITION BY sensor_id, measure ORDER BY event_time)
"""


def _judged_values() -> str:
    """One row: a value, whether it is one of a dead sensor, whether it is a spike.

    What most values settle is asked first: it is a number that is compared, and no name.
    """
    measures = ", ".join(text(name) for name in DEAD_MEASURES)
    values = ("believable", *(f"before_{n}" for n in range(1, DEAD_COUNT)))
    dead = " AND ".join(f"{value} < {DEAD_BELOW_UG_M3!r}E0" for value in values)
    change = "ABS(believable - before_1)"
    per_min = measure_case(lambda measure: number_or_none(measure.spike_per_min))
    slowest = min(each.spike_per_min for each in MEASURES if each.spike_per_min is not None)
    elapsed_min = f"GREATEST(at_s - before_s, {SPIKE_SECONDS_MIN}) / 60E0"
    return f"""
SELECT {", ".join(SERIES)}, event_time, at_s, believable,
  ({dead} AND measure IN ({measures})) IS TRUE AS is_dead,
  ({change} > {number(slowest)} AND {change} > {per_min} * {elapsed_min}) IS TRUE AS is_spike
FROM sequenced_values
"""


def _windows_of_values(size_min: int) -> str:
    """One row: a window of a series; sums in whole millionths."""
    usable = "believable IS NOT NULL AND NOT is_dead AND NOT is_spike"
    usable_value = f"CASE WHEN {usable} THEN believable END"
    return f"""
SELECT {", ".join(SERIES)}, window_start, window_end, window_time,
  SUM(CASE WHEN {usable} THEN CAST(ROUND(believable * {MICRO}) AS BIGINT) ELSE 0 END) AS micro_sum,
  SUM(CASE WHEN {usable} THEN 1 ELSE 0 END) AS usable_count,
  SUM(CASE WHEN {usable} THEN 0 ELSE 1 END) AS flagged,
  MIN({usable_value}) AS low, MAX({usable_value}) AS high
FROM TABLE(TUMBLE(TABLE judged_values, DESCRIPTOR(event_time), {minutes(size_min)}))
GROUP BY {", ".join(SERIES)}, window_start, window_end, window_time
"""


def _windows_of_windows(windows: str, size_min: int) -> str:
    """One row: a longer window, of shorter ones."""
    return f"""
SELECT {", ".join(SERIES)}, window_start, window_end, window_time,
  SUM(micro_sum) AS micro_sum, SUM(usable_count) AS usable_count, SUM(flagged) AS flagged,
  MIN(low) AS low, MAX(high) AS high
FROM TABLE(TUMBLE(TABLE {windows}, DESCRIPTOR(closed_at), {minutes(size_min)}))
GROUP BY {", ".join(SERIES)}, window_start, window_end, window_time
"""


def _closed(windows: str) -> str:
    """The same windows as rows with a time, for a longer window to take."""
    sums = "micro_sum, usable_count, flagged, low, high"
    return f"SELECT {', '.join(SERIES)}, {sums}, window_time AS closed_at FROM {windows}"


# one row: an hour of a series, with its mean
_HOURS = f"""
SELECT {", ".join(SERIES)}, low, high, window_start, window_end, window_time,
  CASE WHEN usable_count > 0 THEN {_MEAN} END AS mean,
  {epoch_s(utc("window_start"))} AS starts_at_s, {epoch_s(utc("window_end"))} AS ends_at_s
FROM windows_1h
"""


def _insert_aggregates(connectors: Connectors) -> str:
    rows = "\nUNION ALL\n".join(
        f"""
SELECT {text(connectors.name_of(topic))}, {utc("window_start")}, CAST(sensor_id AS STRING), sensor_id,
  measure,
  {epoch_s(utc("window_start"))}, usable_count, flagged,
  CASE WHEN usable_count > 0 THEN {_MEAN} END,
  low, high, {of_station()}
FROM windows_{size}""".strip()
        for size, topic in AGGREGATE_TOPICS.items()
    )
    return f"""
INSERT INTO aggregates (topic, event_time, sensor_key, sensor_id, measure, starts_at_s, `count`, flagged,
  mean, low, high, sensor_type, country, city, lat, lon, indoor)
{rows}""".strip()


def _insert_throughput(size_s: int) -> str:
    return f"""
INSERT INTO throughput (event_time, country_key, starts_at_s, readings, country)
SELECT {utc("window_start")}, country, {epoch_s(utc("window_start"))}, COUNT(*), country
FROM TABLE(TUMBLE(TABLE timely_readings, DESCRIPTOR(event_time), INTERVAL '{size_s}' SECOND))
GROUP BY country, window_start, window_end
""".strip()


_INSERT_LATE_READINGS = f"""
INSERT INTO late_readings (event_time, sensor_key, sensor_id, observed_at_s, late_s,
  source_topic, source_partition, source_offset)
SELECT event_time, CAST(sensor_id AS STRING), sensor_id, {epoch_s("event_time")},
  {epoch_s("CURRENT_WATERMARK(event_time)")} - {epoch_s("event_time")},
  source_topic, source_partition, source_offset
FROM fresh_readings
WHERE is_from_future IS NOT TRUE AND event_time <= CURRENT_WATERMARK(event_time)
""".strip()

"""The steps that both jobs share: readings, each once, then their values with the doubts of the reading.

Every value of every reading ends in exactly one of: a measure's topic, the dead letters, or, for
housekeeping value types, nowhere. Hence the careful NULLs: `(condition) IS NOT TRUE` where SQL's
`NOT (condition)` would lose a row whose condition is unknown.
"""

from contracts.flags import FUTURE_S_MAX, Flag
from contracts.measures import HOUSEKEEPING, MEASURES, Measure, OtherUnit
from flink_jobs.connectors import Connectors
from flink_jobs.sql.text import (
    Step,
    flag_when,
    is_whole,
    minutes,
    number,
    number_or_none,
    table,
    text,
    value_type_case,
    within,
)
from flink_jobs.sql.timing import Period, Timing

# Where a reading was read.
SOURCE = "event_time, source_topic, source_partition, source_offset"

# No sensor of the network sends more values that we know; later ones are not compared with each other.
COMPARED_VALUES_MAX = 8

_COLUMNS = (
    # Ids are text here, so that the guard can ask exactly the same of them.
    "id STRING",
    "sensor ROW<id STRING, sensor_type ROW<name STRING>>",
    "location ROW<latitude DOUBLE, longitude DOUBLE, indoor INT>",
    "place ROW<country STRING, city STRING>",
    # Maps, not rows: UNNEST drops an element that is no row without a trace, but not one that is no map.
    "sensordatavalues ARRAY<MAP<STRING, STRING>>",
    "fetched_at TIMESTAMP_LTZ(3)",
    "arrived AS PROCTIME()",
)

_LATEST = f"fetched_at + {minutes(FUTURE_S_MAX // 60)}"


def readings_table(connectors: Connectors, timing: Timing) -> str:
    """CREATE statement of the source; a reading with a wrong clock does not move the watermark."""
    delayed = f"event_time - {minutes(timing.watermark_delay_min)}"
    watermark = f"WATERMARK FOR event_time AS CASE WHEN event_time <= {_LATEST} THEN {delayed} END"
    return table("readings", _COLUMNS, connectors.readings(), watermark=watermark)


def steps(timing: Timing) -> tuple[Step, ...]:
    """Each a named view with one purpose."""
    return (
        Step("whole_readings", _whole_readings(timing.period)),
        Step("fresh_readings", _FRESH_READINGS),
        Step("upstream_values", _upstream_values()),
        Step("normalised_values", _normalised_values()),
        Step("flagged_values", _flagged_values()),
    )


def _whole_readings(period: Period | None) -> str:
    """One row: a message with an id, a sensor and a list of values; the guard takes every other."""
    return f"""
SELECT TRY_CAST(id AS BIGINT) AS id, TRY_CAST(sensor.id AS BIGINT) AS sensor_id,
  sensor.sensor_type.name AS sensor_type,
  place.country AS country, place.city AS city,
  {_where_placed("latitude")} AS lat, {_where_placed("longitude")} AS lon, location.indoor AS indoor,
  sensordatavalues, event_time > {_LATEST} AS is_from_future, arrived, {SOURCE}
FROM readings
WHERE {is_whole("id")} AND {is_whole("sensor.id")} AND sensordatavalues IS NOT NULL AND {within(period)}
"""


def _where_placed(coordinate: str) -> str:
    """NULL where the scraper found the position unusable: 0, 0 is no place on the map."""
    return f"CASE WHEN place.country IS NOT NULL THEN location.{coordinate} END"


# one row: a reading seen for the first time; its id is remembered for table.exec.state.ttl
_FRESH_READINGS = """
SELECT * FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY arrived ASC) AS seen FROM whole_readings)
WHERE seen = 1
"""


def _upstream_values() -> str:
    """One row: (71, 'SDS011', ..., FALSE, FALSE, 'P1', '12.40', 12.4); of housekeeping types, none."""
    ignored = ", ".join(text(value_type) for value_type in sorted(HOUSEKEEPING))
    return f"""
SELECT r.sensor_id, r.sensor_type, r.country, r.city, r.lat, r.lon, r.indoor, r.is_from_future,
  r.event_time, r.source_topic, r.source_partition, r.source_offset,
  r.has_fault, r.first_pm25 > r.first_pm10 AS has_pm25_above_pm10,
  v.entry['value_type'] AS value_type, v.entry['value'] AS original,
  TRY_CAST(v.entry['value'] AS DOUBLE) AS number
FROM (
  SELECT *, {_has_fault()} AS has_fault, {_number_of("P2")} AS first_pm25, {_number_of("P1")} AS first_pm10
  FROM fresh_readings) AS r
CROSS JOIN UNNEST(r.sensordatavalues) AS v(entry)
WHERE (v.entry['value_type'] IN ({ignored})) IS NOT TRUE
"""


def _number_of(value_type: str) -> str:
    """The number of a reading's first entry of a value type."""
    entries = (f"sensordatavalues[{n}]" for n in range(1, COMPARED_VALUES_MAX + 1))
    cases = " ".join(
        f"WHEN {entry}['value_type'] = {text(value_type)} THEN TRY_CAST({entry}['value'] AS DOUBLE)"
        for entry in entries
    )
    return f"CASE {cases} END"


def _has_fault() -> str:
    """Whether one of a reading's climate values cannot be."""
    climate = [(upstream, each) for each in MEASURES if each.is_climate for upstream in each.upstream]
    conditions = []
    for n in range(1, COMPARED_VALUES_MAX + 1):
        value = f"TRY_CAST(sensordatavalues[{n}]['value'] AS DOUBLE)"
        cases = " ".join(f"WHEN {text(name)} THEN {_is_believable(each, value)}" for name, each in climate)
        conditions.append(f"(CASE sensordatavalues[{n}]['value_type'] {cases} END) IS FALSE")
    return " OR ".join(conditions)


def _is_believable(measure: Measure, upstream_number: str) -> str:
    """Whether an upstream number is in the measure's range, in whichever unit it came."""
    ranges = [(measure.low / measure.scale, measure.high / measure.scale)]
    if measure.other_unit:
        other = measure.other_unit
        ranges.append(
            (max(other.low, measure.low / other.scale), min(other.high, measure.high / other.scale))
        )
    return " OR ".join(f"{upstream_number} BETWEEN {number(low)} AND {number(high)}" for low, high in ranges)


def _normalised_values() -> str:
    """One row: (71, ..., 'pm10', 12.4, 0.0, 1900.0, 1999.9, FALSE), in the measure's unit."""
    name = value_type_case(lambda measure: text(measure.name))
    scale = value_type_case(lambda measure: number(measure.scale) if measure.scale != 1.0 else None)
    repairs = " ".join(f"WHEN {_came_in(other)} THEN {number(other.scale)}" for other in _OTHER_UNITS)
    return f"""
SELECT *,
  {name} AS measure,
  number * CASE {repairs} ELSE COALESCE({scale}, 1E0) END AS `value`,
  {" OR ".join(f"({_came_in(other)})" for other in _OTHER_UNITS)} AS is_repaired,
  {value_type_case(lambda measure: number(measure.low))} AS low,
  {value_type_case(lambda measure: number(measure.high))} AS high,
  {value_type_case(lambda measure: number_or_none(measure.saturated_at))} AS saturated_at
FROM upstream_values
"""


_OTHER_UNITS = sorted({each.other_unit for each in MEASURES if each.other_unit})


def _came_in(other: OtherUnit) -> str:
    """Whether a value came in the other unit."""
    upstream = [text(name) for each in MEASURES if each.other_unit == other for name in each.upstream]
    came_as = f"number BETWEEN {number(other.low)} AND {number(other.high)}"
    return f"value_type IN ({', '.join(upstream)}) AND {came_as}"


def _flagged_values() -> str:
    """One row: (71, ..., 'pm10', 12.4, ..., 0, 0): the doubts that leave the means, and the harmless ones."""
    doubts = (
        f"CASE WHEN `value` BETWEEN low AND high THEN 0 ELSE {Flag.OUT_OF_RANGE.value} END",
        flag_when("`value` >= saturated_at", Flag.SATURATED),
        flag_when("has_pm25_above_pm10 AND value_type IN ('P1', 'P2')", Flag.PM25_ABOVE_PM10),
        flag_when("has_fault", Flag.SENSOR_FAULT),
        flag_when("is_from_future", Flag.FROM_FUTURE),
    )
    return f"""
SELECT *,
  {" + ".join(doubts)} AS doubts,
  {flag_when("is_repaired", Flag.UNIT_REPAIRED)} AS harmless_flags
FROM normalised_values
"""

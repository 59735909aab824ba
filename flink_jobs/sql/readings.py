"""The steps that both jobs share: readings, each once, then their values with the doubts of the reading.

Every value of every reading ends in exactly one of: a measure's topic, the dead letters, or, for
housekeeping value types, nowhere. Hence the careful NULLs: `(condition) IS NOT TRUE` where SQL's
`NOT (condition)` would lose a row whose condition is unknown.
"""

from collections.abc import Sequence

from contracts.flags import FUTURE_S_MAX, Flag
from contracts.measures import HOUSEKEEPING, MEASURES, Measure, OtherUnit
from flink_jobs.connectors import Connectors
from flink_jobs.sql.text import (
    FINITE,
    Step,
    Table,
    flag_when,
    is_whole,
    minutes,
    number,
    table,
    text,
    value_type_case,
    within,
)
from flink_jobs.sql.timing import Period, Timing

# Names the steps of the readings that are in no window.
HISTORY = "history_"

# Where a reading was read.
SOURCE = "event_time, source_topic, source_partition, source_offset"

# No sensor of the network sends more values that we know; later ones are not compared with each other.
COMPARED_VALUES_MAX = 8

# UNNEST drops an entry that is no object without a trace; so many of a reading are looked at for that.
ENTRIES_MAX = 64

_ENTRY = "ROW<`value` STRING, value_type STRING>"

# What a sensor is and where it stands. One column, so that it is copied whole from step to step.
STATION = ("sensor_type", "country", "city", "lat", "lon", "indoor")
_STATION = "ROW<sensor_type STRING, country STRING, city STRING, lat DOUBLE, lon DOUBLE, indoor INT>"

_COLUMNS = (
    # Ids are text here, so that the guard can ask exactly the same of them.
    "id STRING",
    "sensor ROW<id STRING, sensor_type ROW<name STRING>>",
    "location ROW<latitude DOUBLE, longitude DOUBLE, indoor INT>",
    "place ROW<country STRING, city STRING>",
    f"sensordatavalues ARRAY<{_ENTRY}>",
    "fetched_at TIMESTAMP_LTZ(3)",
    "arrived AS PROCTIME()",
)

_LATEST = f"fetched_at + {minutes(FUTURE_S_MAX // 60)}"


def tables(connectors: Connectors, timing: Timing) -> tuple[Table, ...]:
    """The sources; a reading with a wrong clock does not move the watermark."""
    delayed = f"event_time - {minutes(timing.watermark_delay_min)}"
    watermark = f"WATERMARK FOR event_time AS CASE WHEN event_time <= {_LATEST} THEN {delayed} END"
    history = connectors.history()
    return (
        table("readings", _COLUMNS, connectors.readings(), watermark=watermark),
        *([table("history_readings", _COLUMNS, history, watermark=watermark)] if history else []),
    )


def steps(timing: Timing, *, has_history: bool = False) -> tuple[Step, ...]:
    """Each a named view with one purpose.

    History goes through the same steps on a way of its own, for its times would hold the windows back;
    `every_value`, `every_refused_value` and `every_broken_entry` are of both.
    """
    ways = ("", HISTORY) if has_history else ("",)
    return (
        *(step for way in ways for step in _steps_of_way(way, timing)),
        *(Step(name, _of_ways(query, ways)) for name, query in _OF_EVERY_WAY.items()),
    )


def _steps_of_way(way: str, timing: Timing) -> tuple[Step, ...]:
    return (
        Step(f"{way}whole_readings", _whole_readings(f"{way}readings", timing.period)),
        Step(f"{way}fresh_readings", _fresh_readings(f"{way}whole_readings")),
        Step(f"{way}upstream_values", _upstream_values(f"{way}fresh_readings")),
        Step(f"{way}flagged_values", _flagged_values(f"{way}upstream_values")),
        Step(f"{way}broken_entries", _broken_entries(f"{way}fresh_readings")),
    )


# What is wanted of both ways. The planner takes no column out of a step that several read: where many rows
# go over to another task, or wait for the watermark, a step of few columns stands before.
_OF_EVERY_WAY = {
    # one row: (71, ('SDS011', 'GB', ...), 'P1', 12.4, 0, ...): a value that is one
    "every_value": f"""
SELECT sensor_id, station, event_time, value_type, `value`, flags
FROM {{way}}flagged_values WHERE measure IS NOT NULL AND `value` {FINITE}""".strip(),
    # one row: ('nan', 'P1', 'pm10', ...): what is no number, or of no known measure
    "every_refused_value": f"""
SELECT sensor_id, value_type, original, measure, {SOURCE}
FROM {{way}}flagged_values WHERE measure IS NULL OR (`value` {FINITE}) IS NOT TRUE""".strip(),
    "every_broken_entry": "SELECT * FROM {way}broken_entries",
}


def _of_ways(query: str, ways: tuple[str, ...]) -> str:
    return "\nUNION ALL\n".join(query.format(way=way) for way in ways)


def _whole_readings(readings: str, period: Period | None) -> str:
    """One row: a message with an id, a sensor and a list of values; the guard takes every other."""
    return f"""
SELECT TRY_CAST(id AS BIGINT) AS id, TRY_CAST(sensor.id AS BIGINT) AS sensor_id,
  CAST(ROW(sensor.sensor_type.name, place.country, place.city,
    {_where_placed("latitude")}, {_where_placed("longitude")}, location.indoor) AS {_STATION}) AS station,
  sensordatavalues, event_time > {_LATEST} AS is_from_future, arrived, {SOURCE}
FROM {readings}
WHERE {is_whole("id")} AND {is_whole("sensor.id")} AND sensordatavalues IS NOT NULL AND {within(period)}
"""


def of_station(columns: Sequence[str] = STATION) -> str:
    """What the station says, as columns."""
    return ", ".join(f"station.{column} AS {column}" for column in columns)


def _where_placed(coordinate: str) -> str:
    """NULL where the scraper found the position unusable: 0, 0 is no place on the map."""
    return f"CASE WHEN place.country IS NOT NULL THEN location.{coordinate} END"


def _fresh_readings(whole_readings: str) -> str:
    """One row: a reading seen for the first time; its id is remembered for table.exec.state.ttl."""
    return f"""
SELECT * FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY arrived ASC) AS seen FROM {whole_readings})
WHERE seen = 1
"""


def _upstream_values(fresh_readings: str) -> str:
    """One row: (71, ('SDS011', ...), ..., FALSE, FALSE, 'P1', '12.40', 12.4); of housekeeping types, none."""
    ignored = ", ".join(text(value_type) for value_type in sorted(HOUSEKEEPING))
    return f"""
SELECT r.sensor_id, r.station, r.is_from_future,
  r.event_time, r.source_topic, r.source_partition, r.source_offset,
  r.has_fault, r.first_pm25 > r.first_pm10 AS has_pm25_above_pm10,
  v.value_type, v.original, TRY_CAST(v.original AS DOUBLE) AS number
FROM (
  SELECT *, {_has_fault()} AS has_fault, {_number_of("P2")} AS first_pm25, {_number_of("P1")} AS first_pm10
  FROM {fresh_readings}) AS r
CROSS JOIN UNNEST(r.sensordatavalues) AS v(original, value_type)
WHERE (v.value_type IN ({ignored})) IS NOT TRUE
"""


def _number_of(value_type: str) -> str:
    """The number of a reading's first entry of a value type."""
    cases = " ".join(
        f"WHEN sensordatavalues[{n}].value_type = {text(value_type)}"
        f" THEN TRY_CAST(sensordatavalues[{n}].`value` AS DOUBLE)"
        f" WHEN CARDINALITY(sensordatavalues) <= {n} THEN NULL"  # most have two or three
        for n in range(1, COMPARED_VALUES_MAX + 1)
    )
    return f"CASE {cases} END"


def _has_fault() -> str:
    """Whether one of a reading's climate values cannot be."""
    climate = [(upstream, each) for each in MEASURES if each.is_climate for upstream in each.upstream]
    conditions = []
    for n in range(1, COMPARED_VALUES_MAX + 1):
        value = f"TRY_CAST(sensordatavalues[{n}].`value` AS DOUBLE)"
        cases = " ".join(f"WHEN {text(name)} THEN {_is_believable(each, value)}" for name, each in climate)
        conditions.append(f"(CASE sensordatavalues[{n}].value_type {cases} END) IS FALSE")
    return _any_of_entries(conditions)


def _any_of_entries(conditions: Sequence[str]) -> str:
    """Whether one of the conditions holds, each of one more entry; none is asked of what is not there."""
    first, *rest = conditions
    if not rest:
        return first
    there = f"CARDINALITY(sensordatavalues) > {COMPARED_VALUES_MAX - len(rest)}"
    return f"{first} OR {there} AND ({_any_of_entries(rest)})"


def _is_believable(measure: Measure, upstream_number: str) -> str:
    """Whether an upstream number is in the measure's range, in whichever unit it came."""
    ranges = [(measure.low / measure.scale, measure.high / measure.scale)]
    if measure.other_unit:
        other = measure.other_unit
        ranges.append(
            (max(other.low, measure.low / other.scale), min(other.high, measure.high / other.scale))
        )
    return " OR ".join(f"{upstream_number} BETWEEN {number(low)} AND {number(high)}" for low, high in ranges)


def _broken_entries(fresh_readings: str) -> str:
    """One row: an entry of a reading's list that is no object; nearly none."""
    counted = ", ".join(map(str, range(1, ENTRIES_MAX + 1)))
    has_one = f"ARRAY_CONTAINS(sensordatavalues, CAST(NULL AS {_ENTRY}))"
    return f"""
SELECT sensor_id, {SOURCE}
FROM (SELECT * FROM {fresh_readings} WHERE {has_one}) CROSS JOIN UNNEST(ARRAY[{counted}]) AS e(n)
WHERE n <= CARDINALITY(sensordatavalues) AND sensordatavalues[n] IS NULL
"""


def _flagged_values(upstream_values: str) -> str:
    """One row: (71, ..., 'pm10', 12.4, 0), in the measure's unit, with the doubts that the reading tells.

    Each CASE goes through the value types once for each value, so there are as few as can be.
    """
    flags = (
        f"COALESCE({value_type_case(_own_flags)}, 0)",
        flag_when("has_pm25_above_pm10 AND value_type IN ('P1', 'P2')", Flag.PM25_ABOVE_PM10),
        flag_when("has_fault", Flag.SENSOR_FAULT),
        flag_when("is_from_future", Flag.FROM_FUTURE),
    )
    return f"""
SELECT *,
  {value_type_case(lambda measure: text(measure.name))} AS measure,
  {_value()} AS `value`,
  {" + ".join(flags)} AS flags
FROM {upstream_values}
"""


def _value() -> str:
    """The number in the measure's unit."""
    scaled = [
        (name, each) for each in MEASURES if each.scale != 1.0 or each.other_unit for name in each.upstream
    ]
    cases = " ".join(f"WHEN {text(name)} THEN {_in_unit(each)}" for name, each in scaled)
    return f"CASE value_type {cases} ELSE number END"


def _in_unit(measure: Measure) -> str:
    usual = f"number * {number(measure.scale)}"
    other = measure.other_unit
    if other is None:
        return usual
    return f"CASE WHEN {_came_in(other)} THEN number * {number(other.scale)} ELSE {usual} END"


def _own_flags(measure: Measure) -> str:
    """What a value of the measure tells of itself; each unit has its own range."""
    usual = _range_flags(measure, f"number * {number(measure.scale)}" if measure.scale != 1.0 else "number")
    if measure.other_unit is None:
        return f"CASE {usual} END"
    other = _range_flags(measure, f"number * {number(measure.other_unit.scale)}")
    repaired = f"{Flag.UNIT_REPAIRED.value} + CASE {other} END"
    return f"CASE WHEN {_came_in(measure.other_unit)} THEN {repaired} {usual} END"


def _range_flags(measure: Measure, value: str) -> str:
    in_range = f"WHEN {value} BETWEEN {number(measure.low)} AND {number(measure.high)} THEN 0"
    out = Flag.OUT_OF_RANGE.value
    if measure.saturated_at is None:
        return f"{in_range} ELSE {out}"
    saturated = f"WHEN {value} >= {number(measure.saturated_at)} THEN {out | Flag.SATURATED.value}"
    return f"{in_range} {saturated} ELSE {out}"


def _came_in(other: OtherUnit) -> str:
    """Whether a number is in the other unit."""
    return f"number BETWEEN {number(other.low)} AND {number(other.high)}"

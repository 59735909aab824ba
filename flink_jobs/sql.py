"""The split job as text: tables, views and inserts, composed from the table of measures.

Every value of every reading ends in exactly one of: a measure's topic, the dead letters, or, for
housekeeping value types, nowhere. Hence the careful NULLs: `(condition) IS NOT TRUE` where SQL's
`NOT (condition)` would lose a row whose condition is unknown.
"""

from collections.abc import Callable, Iterable

from contracts.dead_letters import Reason
from contracts.flags import Flag
from contracts.measures import HOUSEKEEPING, MEASURES, Measure
from contracts.topics import MEASURE_TOPICS
from flink_jobs.connectors import Connection, Connectors

# Finite: NaN and the infinities that "1e400" becomes are outside.
FINITE = "BETWEEN -1E300 AND 1E300"


def tables(connectors: Connectors) -> tuple[str, ...]:
    """CREATE statements of the two sources and the two sinks."""
    return (
        _table("readings", _READING_COLUMNS, connectors.readings()),
        _table("reading_lines", ("line BYTES",), connectors.reading_lines()),
        _table("measure_values", _MEASURE_VALUE_COLUMNS, connectors.measure_values()),
        _table("dead_letters", _DEAD_LETTER_COLUMNS, connectors.dead_letters()),
    )


def views() -> tuple[str, ...]:
    """CREATE statements of the steps, each a named view with one purpose."""
    return (
        _WHOLE_READINGS,
        _FRESH_READINGS,
        _upstream_values(),
        _normalised_values(),
        _SUSPECTS,
        _NOT_READINGS,
    )


def inserts(*, guard: bool) -> tuple[str, ...]:
    """INSERT statements, for one statement set; `guard` adds the messages that are no readings."""
    # One insert into each sink: two into one would be two sinks with the same transactions.
    guarded = f"UNION ALL\n{_LETTERS_OF_LINES}" if guard else ""
    return (_insert_measure_values(), f"INSERT INTO dead_letters\n{_LETTERS_OF_VALUES}{guarded}")


def value_type_case(result: Callable[[Measure], str | None], *, value_type: str = "value_type") -> str:
    """A CASE over the upstream value types; a measure whose `result` is None, or no measure, gives NULL."""
    branches = [
        f"WHEN {_text(upstream)} THEN {answer}"
        for measure in MEASURES
        if (answer := result(measure)) is not None
        for upstream in measure.upstream
    ]
    return f"CASE {value_type} {' '.join(branches)} END"


def is_whole(text: str) -> str:
    """True where `text` is a whole number of 64 bits in plain decimal form, else false or unknown."""
    return f"CAST(TRY_CAST({text} AS BIGINT) AS STRING) = {text}"


def _table(name: str, columns: Iterable[str], connection: Connection) -> str:
    lines = ",\n  ".join((*columns, *connection.columns))
    options = ",\n  ".join(f"{_text(key)} = {_text(value)}" for key, value in connection.options.items())
    return f"CREATE TEMPORARY TABLE {name} (\n  {lines}\n) WITH (\n  {options}\n)"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _number(value: float) -> str:
    """A DOUBLE literal; without the exponent it would be a DECIMAL."""
    return f"{value!r}E0"


_READING_COLUMNS = (
    # Ids are text here, so that the guard can ask exactly the same of them.
    "id STRING",
    "sensor ROW<id STRING, sensor_type ROW<name STRING>>",
    "location ROW<latitude DOUBLE, longitude DOUBLE, indoor INT>",
    "place ROW<country STRING, city STRING>",
    # Maps, not rows: UNNEST drops an element that is no row without a trace, but not one that is no map.
    "sensordatavalues ARRAY<MAP<STRING, STRING>>",
    "arrived AS PROCTIME()",
)

_MEASURE_VALUE_COLUMNS = (
    "sensor_key STRING",
    "sensor_id BIGINT",
    "sensor_type STRING",
    "country STRING",
    "city STRING",
    "lat DOUBLE",
    "lon DOUBLE",
    "indoor INT",
    "observed_at_s BIGINT",
    "`value` DOUBLE",
    "flags INT",
)

_DEAD_LETTER_COLUMNS = (
    "reason STRING",
    "source_topic STRING",
    "source_partition INT",
    "source_offset BIGINT",
    "sensor_id BIGINT",
    "original BYTES",
)

_SOURCE = "event_time, source_topic, source_partition, source_offset"

# one row: a message with an id, a sensor and a list of values; the guard takes every other
_WHOLE_READINGS = f"""
CREATE TEMPORARY VIEW whole_readings AS
SELECT TRY_CAST(id AS BIGINT) AS id, TRY_CAST(sensor.id AS BIGINT) AS sensor_id,
  sensor.sensor_type.name AS sensor_type,
  place.country AS country, place.city AS city,
  location.latitude AS lat, location.longitude AS lon, location.indoor AS indoor,
  sensordatavalues, arrived, {_SOURCE}
FROM readings
WHERE {is_whole("id")} AND {is_whole("sensor.id")} AND sensordatavalues IS NOT NULL
""".strip()

# one row: a reading seen for the first time; its id is remembered for table.exec.state.ttl
_FRESH_READINGS = """
CREATE TEMPORARY VIEW fresh_readings AS
SELECT * FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY arrived ASC) AS seen FROM whole_readings)
WHERE seen = 1
""".strip()


def _upstream_values() -> str:
    """One row: (71, 'SDS011', ..., 'P1', '12.40'); of housekeeping types, none."""
    ignored = ", ".join(_text(value_type) for value_type in sorted(HOUSEKEEPING))
    return f"""
CREATE TEMPORARY VIEW upstream_values AS
SELECT r.sensor_id, r.sensor_type, r.country, r.city, r.lat, r.lon, r.indoor,
  r.event_time, r.source_topic, r.source_partition, r.source_offset,
  v.entry['value_type'] AS value_type, v.entry['value'] AS original
FROM fresh_readings AS r CROSS JOIN UNNEST(r.sensordatavalues) AS v(entry)
WHERE (v.entry['value_type'] IN ({ignored})) IS NOT TRUE
""".strip()


def _normalised_values() -> str:
    """One row: (71, ..., 'measure-pm10-v1', 12.4, 0.0, 1900.0, 1999.9), in the measure's unit."""
    topic = value_type_case(lambda measure: _text(MEASURE_TOPICS[measure.name].name))
    scale = value_type_case(lambda measure: _number(measure.scale) if measure.scale != 1.0 else None)
    low = value_type_case(lambda measure: _number(measure.low))
    high = value_type_case(lambda measure: _number(measure.high))
    saturated_at = value_type_case(
        lambda measure: None if measure.saturated_at is None else _number(measure.saturated_at)
    )
    return f"""
CREATE TEMPORARY VIEW normalised_values AS
SELECT *,
  {topic} AS topic,
  TRY_CAST(original AS DOUBLE) * COALESCE({scale}, 1E0) AS `value`,
  {low} AS low,
  {high} AS high,
  {saturated_at} AS saturated_at
FROM upstream_values
""".strip()


def _insert_measure_values() -> str:
    return f"""
INSERT INTO measure_values (topic, event_time, sensor_key, sensor_id, sensor_type, country, city,
  lat, lon, indoor, observed_at_s, `value`, flags)
SELECT topic, event_time, CAST(sensor_id AS STRING), sensor_id, sensor_type, country, city, lat, lon, indoor,
  EXTRACT(EPOCH FROM event_time), `value`,
  CASE WHEN `value` BETWEEN low AND high THEN 0 ELSE {Flag.OUT_OF_RANGE.value} END
    + CASE WHEN `value` >= saturated_at THEN {Flag.SATURATED.value} ELSE 0 END
FROM normalised_values
WHERE topic IS NOT NULL AND `value` {FINITE}
""".strip()


_LETTER_COLUMNS = "reason, source_topic, source_partition, source_offset, sensor_id, original, event_time"

# one row: ('not_a_number', 'readings-raw-v1', 0, 12, 71, '{"value":"nan","value_type":"P1"}' as bytes)
_LETTERS_OF_VALUES = f"""
(reason, source_topic, source_partition, source_offset, sensor_id, original, event_time)
SELECT CASE WHEN topic IS NULL THEN '{Reason.UNKNOWN_MEASURE}' ELSE '{Reason.NOT_A_NUMBER}' END,
  source_topic, source_partition, source_offset, sensor_id,
  ENCODE(JSON_OBJECT(KEY 'value' VALUE original, KEY 'value_type' VALUE value_type NULL ON NULL), 'UTF-8'),
  event_time
FROM normalised_values
WHERE topic IS NULL OR (`value` {FINITE}) IS NOT TRUE
""".lstrip()

# Flink serialises members in the order of their names, so `essence` begins with the id and the sensor's
# id, and ends with the list of values; what does not look like it gets the close look.
_PLAIN_ESSENCE = r"""\A\{"id":"?[1-9][0-9]{0,17}"?,"sensor":\{"id":"?[1-9][0-9]{0,17}"?[,}].*\]\}\z"""

# one row: a message that one parse cannot clear; nearly none, so that the close look below may be dear
_SUSPECTS = rf"""
CREATE TEMPORARY VIEW suspects AS
SELECT line, body, {_SOURCE}
FROM (
  SELECT *, JSON_QUERY(body, 'lax $["id","sensor","sensordatavalues"]') AS essence
  FROM (SELECT *, DECODE(line, 'UTF-8') AS body FROM reading_lines))
WHERE REGEXP(essence, '{_PLAIN_ESSENCE}') IS NOT TRUE OR POSITION(U&'\FFFD' IN body) > 0
""".strip()

# one row: a message that is no reading. The conditions are those of whole_readings, asked of the text;
# bytes that are no UTF-8 decode to U+FFFD and do not encode to themselves again.
_NOT_READINGS = rf"""
CREATE TEMPORARY VIEW not_readings AS
SELECT COALESCE(line, x'') AS line, body, {_SOURCE},
  TRY_CAST(JSON_VALUE(body, 'lax $.sensor.id') AS BIGINT) AS sensor_id
FROM (
  SELECT line, REGEXP_REPLACE(body, '[\x00-\x1f]', ' ') AS body, ENCODE(body, 'UTF-8') = line AS is_text,
    {_SOURCE}
  FROM suspects)
WHERE (is_text AND {is_whole("JSON_VALUE(body, 'lax $.id')")}
  AND {is_whole("JSON_VALUE(body, 'lax $.sensor.id')")}
  AND JSON_QUERY(body, 'lax $.sensordatavalues') LIKE '[%') IS NOT TRUE
""".strip()

# one row: ('not_json', 'readings-raw-v1', 0, 13, NULL, the message's own bytes)
_LETTERS_OF_LINES = f"""
SELECT CASE WHEN body IS JSON VALUE THEN '{Reason.NOT_A_READING}' ELSE '{Reason.NOT_JSON}' END,
  source_topic, source_partition, source_offset, sensor_id, line, event_time
FROM not_readings
""".lstrip()

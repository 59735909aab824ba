"""`split` as text: each value to the topic of its measure, and to the dead letters what is none."""

from contracts.dead_letters import Reason
from contracts.topics import DEAD_LETTERS, MEASURE_TOPICS
from flink_jobs.connectors import Connectors
from flink_jobs.sql.readings import SOURCE, of_station
from flink_jobs.sql.text import Step, Table, is_whole, table, text, value_type_case, within
from flink_jobs.sql.timing import Period, Timing


def tables(connectors: Connectors) -> tuple[Table, ...]:
    """The guard's source and both sinks."""
    return (
        table("reading_lines", ("line BYTES",), connectors.reading_lines()),
        table(
            "measure_values",
            _MEASURE_VALUE_COLUMNS,
            connectors.sink("measure-values", tuple(MEASURE_TOPICS.values()), key="sensor_key"),
        ),
        table("dead_letters", _DEAD_LETTER_COLUMNS, connectors.sink("dead-letters", (DEAD_LETTERS,))),
    )


def steps(timing: Timing) -> tuple[Step, ...]:
    """How the guard finds what is no reading."""
    return Step("suspects", _suspects(timing.period)), Step("not_readings", _NOT_READINGS)


def inserts(connectors: Connectors, *, guard: bool, letters: bool = True) -> tuple[str, ...]:
    """INSERT statements, for one statement set.

    `guard` adds the messages that are no readings; without `letters` nothing is set aside.
    """
    if not letters:
        return (_insert_measure_values(connectors),)
    # One insert into each sink: two into one would be two sinks with the same transactions.
    guarded = f"UNION ALL\n{_LETTERS_OF_LINES}" if guard else ""
    return (_insert_measure_values(connectors), f"INSERT INTO dead_letters\n{_LETTERS_OF_VALUES}{guarded}")


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


def _insert_measure_values(connectors: Connectors) -> str:
    topic = value_type_case(lambda measure: text(connectors.name_of(MEASURE_TOPICS[measure.name])))
    return f"""
INSERT INTO measure_values (topic, event_time, sensor_key, sensor_id, sensor_type, country, city,
  lat, lon, indoor, observed_at_s, `value`, flags)
SELECT {topic}, event_time, CAST(sensor_id AS STRING), sensor_id, {of_station()},
  EXTRACT(EPOCH FROM event_time), `value`, flags
FROM every_value
""".strip()


# A time that moves no watermark: a union takes no other beside that of the guard's lines.
_PLAIN_TIME = "CAST(event_time AS TIMESTAMP_LTZ(3))"

# What is told of an entry that is no object: neither of its members is there.
_NO_ENTRY = '{"value":null,"value_type":null}'

# one row: ('not_a_number', 'readings-raw-v1', 0, 12, 71, '{"value":"nan","value_type":"P1"}' as bytes)
_LETTERS_OF_VALUES = f"""
(reason, source_topic, source_partition, source_offset, sensor_id, original, event_time)
SELECT CASE WHEN measure IS NULL THEN '{Reason.UNKNOWN_MEASURE}' ELSE '{Reason.NOT_A_NUMBER}' END,
  source_topic, source_partition, source_offset, sensor_id,
  ENCODE(JSON_OBJECT(KEY 'value' VALUE original, KEY 'value_type' VALUE value_type NULL ON NULL), 'UTF-8'),
  {_PLAIN_TIME}
FROM every_refused_value
UNION ALL
SELECT '{Reason.UNKNOWN_MEASURE}', source_topic, source_partition, source_offset, sensor_id,
  ENCODE('{_NO_ENTRY}', 'UTF-8'), {_PLAIN_TIME}
FROM every_broken_entry
""".lstrip()

# Flink serialises members in the order of their names, so `essence` begins with the id and the sensor's
# id, and ends with the list of values; what does not look like it gets the close look.
_PLAIN_ESSENCE = r"""\A\{"id":"?[1-9][0-9]{0,17}"?,"sensor":\{"id":"?[1-9][0-9]{0,17}"?[,}].*\]\}\z"""


# Bytes that are no UTF-8 decode to U+FFFD and do not encode to themselves again. Searching for that
# character instead, character by character, cost a tenth of the job.
_IS_TEXT = "(ENCODE(body, 'UTF-8') = line)"


def _suspects(period: Period | None) -> str:
    """One row: a message that one parse cannot clear; nearly none, so that the close look may be dear."""
    return rf"""
SELECT line, body, {SOURCE}
FROM (
  SELECT *, JSON_QUERY(body, 'lax $["id","sensor","sensordatavalues"]') AS essence
  FROM (SELECT *, DECODE(line, 'UTF-8') AS body FROM reading_lines WHERE {within(period)}))
WHERE REGEXP(essence, '{_PLAIN_ESSENCE}') IS NOT TRUE OR {_IS_TEXT} IS NOT TRUE
""".strip()


# one row: a message that is no reading. The conditions are those of whole_readings, asked of the text.
_NOT_READINGS = rf"""
SELECT COALESCE(line, x'') AS line, body, {SOURCE},
  TRY_CAST(JSON_VALUE(body, 'lax $.sensor.id') AS BIGINT) AS sensor_id
FROM (
  SELECT line, REGEXP_REPLACE(body, '[\x00-\x1f]', ' ') AS body, {_IS_TEXT} AS is_text,
    {SOURCE}
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

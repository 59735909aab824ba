"""The split in PyFlink with Python functions for what a message means, exactly once.

`python -m benchmarks.stream.peers.pyflink_udf BROKERS GROUP CONNECTOR_JAR STATE_FOLDER`: until it is killed.
In a virtual environment of its own: Python functions need Beam, whose pins are not ours.
SQL reads, drops repeated ids and writes as ours does. One table function tells of each reading its values and
what of it is set aside; another, of each message as bytes, whether it is a reading at all.
"""

import sys
from collections.abc import Iterator
from typing import Any

import msgspec
from pyflink.common import Configuration
from pyflink.table import DataTypes, EnvironmentSettings, TableEnvironment
from pyflink.table.udf import udtf

from benchmarks.stream.peers import meaning
from contracts.topics import DEAD_LETTERS, MEASURE_TOPICS, READINGS_RAW


@udtf(
    result_types=[
        DataTypes.STRING(), DataTypes.DOUBLE(), DataTypes.INT(), DataTypes.STRING(), DataTypes.BYTES(),
    ]
)  # fmt: skip
def told_of(entries: list[Any], is_from_future: bool) -> Iterator[tuple[Any, ...]]:
    """Of each entry its topic, value and flags, or the reason and the words of what is set aside."""
    pairs = ((entry[0], entry[1]) for entry in entries)
    values, letters = meaning.values_of(pairs, is_from_future=is_from_future)
    for value in values:
        yield *value, None, None
    for reason, original in letters:
        yield None, None, None, reason.value, original


@udtf(result_types=[DataTypes.STRING(), DataTypes.BIGINT()])
def letters_of(line: bytes) -> Iterator[tuple[str, int | None]]:
    """Why the message is no reading, and the sensor that it names; nothing of one that is."""
    try:
        meaning.decoded(line)  # by its module, for a decoder cannot be sent to a worker
    except msgspec.DecodeError:
        reason, sensor_id = meaning.letter_of_message(line)
        yield reason.value, sensor_id


def main() -> None:
    """Run until killed."""
    brokers, group, jar, state = sys.argv[1:]
    te = TableEnvironment.create(
        EnvironmentSettings.new_instance()
        .in_streaming_mode()
        .with_configuration(_configuration(jar, state))
        .build()
    )
    te.create_temporary_system_function("told_of", told_of)
    te.create_temporary_system_function("letters_of", letters_of)
    for table in (
        _source("readings", _READING_COLUMNS, _READING_FORMAT, brokers, group),
        _source("reading_lines", "line BYTES", {"format": "raw"}, brokers, f"{group}-guard"),
        _measure_values(brokers, group),
        _dead_letters(brokers, group),
    ):
        te.execute_sql(table)
    for name, query in _VIEWS.items():
        te.create_temporary_view(name, te.sql_query(query))
    statements = te.create_statement_set()
    for insert in _INSERTS:
        statements.add_insert_sql(insert)
    statements.execute().wait()


def _configuration(jar: str, state: str) -> Configuration:
    configuration = Configuration()
    for key, value in {
        "pipeline.jars": f"file://{jar}",
        "pipeline.object-reuse": "true",
        "parallelism.default": "1",
        "table.exec.state.ttl": "2 h",
        "table.local-time-zone": "UTC",
        "python.fn-execution.bundle.size": "10000",
        "execution.checkpointing.interval": "5 s",
        "execution.checkpointing.dir": f"file://{state}",
    }.items():
        configuration.set_string(key, value)
    return configuration


_READING_FORMAT = {
    "format": "json",
    "json.ignore-parse-errors": "true",
    "json.timestamp-format.standard": "ISO-8601",
}

_READING_COLUMNS = """
  id BIGINT,
  sensor ROW<id BIGINT, sensor_type ROW<name STRING>>,
  location ROW<latitude DOUBLE, longitude DOUBLE, indoor INT>,
  place ROW<country STRING, city STRING>,
  sensordatavalues ARRAY<ROW<`value` STRING, value_type STRING>>,
  fetched_at TIMESTAMP_LTZ(3),
  arrived AS PROCTIME()"""

_SOURCE = "event_time, source_topic, source_partition, source_offset"

_VIEWS = {
    "fresh": """
SELECT * FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY arrived ASC) AS seen FROM readings
  WHERE id IS NOT NULL AND sensor.id IS NOT NULL AND sensordatavalues IS NOT NULL)
WHERE seen = 1""",
    "placed": f"""
SELECT sensor.id AS sensor_id, sensor.sensor_type.name AS sensor_type, place.country AS country,
  place.city AS city,
  CASE WHEN place.country IS NOT NULL THEN location.latitude END AS lat,
  CASE WHEN place.country IS NOT NULL THEN location.longitude END AS lon,
  location.indoor AS indoor, sensordatavalues,
  COALESCE(event_time > fetched_at + INTERVAL '5' MINUTE, FALSE) AS is_from_future, {_SOURCE}
FROM fresh""",
    "told": f"""
SELECT sensor_id, sensor_type, country, city, lat, lon, indoor, {_SOURCE},
  topic, number, flags, reason, original
FROM placed,
  LATERAL TABLE(told_of(sensordatavalues, is_from_future)) AS t(topic, number, flags, reason, original)""",
}

_INSERTS = (
    """
INSERT INTO measure_values
SELECT topic, event_time, CAST(sensor_id AS STRING), sensor_id, EXTRACT(EPOCH FROM event_time), number, flags,
  sensor_type, country, city, lat, lon, indoor
FROM told WHERE topic IS NOT NULL""",
    """
INSERT INTO dead_letters
SELECT reason, source_topic, source_partition, source_offset, sensor_id, original, event_time
FROM told WHERE reason IS NOT NULL
UNION ALL
SELECT reason, source_topic, source_partition, source_offset, sensor_id, line, event_time
FROM reading_lines, LATERAL TABLE(letters_of(line)) AS t(reason, sensor_id)""",
)


def _source(name: str, columns: str, form: dict[str, str], brokers: str, group: str) -> str:
    options = ", ".join(f"'{key}' = '{value}'" for key, value in form.items())
    return f"""
CREATE TEMPORARY TABLE {name} ({columns},
  event_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  source_topic STRING METADATA FROM 'topic' VIRTUAL,
  source_partition INT METADATA FROM 'partition' VIRTUAL,
  source_offset BIGINT METADATA FROM 'offset' VIRTUAL
) WITH (
  'connector' = 'kafka', 'topic' = '{READINGS_RAW.name}', 'properties.bootstrap.servers' = '{brokers}',
  'properties.group.id' = '{group}', 'properties.auto.offset.reset' = 'earliest',
  'scan.startup.mode' = 'group-offsets', {options})"""


def _measure_values(brokers: str, group: str) -> str:
    return f"""
CREATE TEMPORARY TABLE measure_values (
  topic STRING NOT NULL METADATA, event_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp',
  sensor_key STRING, sensor_id BIGINT, observed_at_s BIGINT, `value` DOUBLE, flags INT, sensor_type STRING,
  country STRING, city STRING, lat DOUBLE, lon DOUBLE, indoor INT
) WITH (
  'topic' = '{";".join(topic.name for topic in MEASURE_TOPICS.values())}',
  'key.format' = 'raw', 'key.fields' = 'sensor_key', 'value.fields-include' = 'EXCEPT_KEY',
  {_sink_options(brokers, f"{group}-values")})"""


def _dead_letters(brokers: str, group: str) -> str:
    return f"""
CREATE TEMPORARY TABLE dead_letters (
  reason STRING, source_topic STRING, source_partition INT, source_offset BIGINT, sensor_id BIGINT,
  original BYTES, event_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp'
) WITH ('topic' = '{DEAD_LETTERS.name}', {_sink_options(brokers, f"{group}-letters")})"""


def _sink_options(brokers: str, prefix: str) -> str:
    return f"""
  'connector' = 'kafka', 'properties.bootstrap.servers' = '{brokers}', 'value.format' = 'json',
  'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '{prefix}',
  'sink.transaction-naming-strategy' = 'POOLING', 'properties.transaction.timeout.ms' = '600000',
  'properties.compression.type' = 'lz4', 'properties.linger.ms' = '50'"""


if __name__ == "__main__":
    main()

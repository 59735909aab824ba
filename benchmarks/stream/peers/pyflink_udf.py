"""The split in PyFlink with Python functions for what a value means, exactly once.

`python -m benchmarks.stream.peers.pyflink_udf BROKERS GROUP CONNECTOR_JAR STATE_FOLDER`: until it is killed.
In a virtual environment of its own: Python functions need Beam, whose pins are not ours.
SQL reads, drops repeated ids, unnests and writes as ours does; three scalar functions tell of each value its
topic, its number in the unit of the measure, and whether it is out of range.
"""

import sys

from pyflink.common import Configuration
from pyflink.table import DataTypes, EnvironmentSettings, TableEnvironment
from pyflink.table.udf import udf

from contracts.measures import MEASURES
from contracts.topics import MEASURE_TOPICS, READINGS_RAW

RULE_BY_VALUE_TYPE = {
    upstream: (MEASURE_TOPICS[each.name].name, each.scale, each.low, each.high)
    for each in MEASURES
    for upstream in each.upstream
}


@udf(result_type=DataTypes.STRING())
def topic_of(value_type: str) -> str | None:
    """The topic of its measure; None of what is none."""
    rule = RULE_BY_VALUE_TYPE.get(value_type)
    return rule and rule[0]


@udf(result_type=DataTypes.DOUBLE())
def in_unit(value_type: str, original: str) -> float | None:
    """The number in the measure's unit; None where it is none."""
    rule = RULE_BY_VALUE_TYPE.get(value_type)
    try:
        return rule and float(original) * rule[1]
    except (TypeError, ValueError):
        return None


@udf(result_type=DataTypes.INT())
def flags_of(value_type: str, original: str) -> int | None:
    """1 where the number is out of the measure's range."""
    rule = RULE_BY_VALUE_TYPE.get(value_type)
    try:
        return rule and int(not rule[2] <= float(original) * rule[1] <= rule[3])
    except (TypeError, ValueError):
        return None


def main() -> None:
    """Run until killed."""
    brokers, group, jar, state = sys.argv[1:]
    te = TableEnvironment.create(
        EnvironmentSettings.new_instance()
        .in_streaming_mode()
        .with_configuration(_configuration(jar, state))
        .build()
    )
    te.execute_sql(_readings(brokers, group))
    te.execute_sql(_measure_values(brokers, group))
    for name, function in (("topic_of", topic_of), ("in_unit", in_unit), ("flags_of", flags_of)):
        te.create_temporary_system_function(name, function)
    te.execute_sql("""
CREATE TEMPORARY VIEW fresh AS SELECT * FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY arrived ASC) AS seen FROM readings) WHERE seen = 1""")
    te.execute_sql("""
CREATE TEMPORARY VIEW told AS
SELECT topic_of(value_type) AS topic, event_time, r.sensor.id AS sensor_id,
  in_unit(value_type, original) AS number, flags_of(value_type, original) AS flags,
  r.sensor.sensor_type.name AS sensor_type, r.place.country AS country, r.place.city AS city,
  r.location.latitude AS lat, r.location.longitude AS lon, r.location.indoor AS indoor
FROM fresh AS r CROSS JOIN UNNEST(r.sensordatavalues) AS v(original, value_type)""")
    te.execute_sql("""
INSERT INTO measure_values
SELECT topic, event_time, CAST(sensor_id AS STRING), sensor_id, EXTRACT(EPOCH FROM event_time), number, flags,
  sensor_type, country, city, lat, lon, indoor
FROM told WHERE topic IS NOT NULL AND number IS NOT NULL""").wait()


def _configuration(jar: str, state: str) -> Configuration:
    configuration = Configuration()
    for key, value in {
        "pipeline.jars": f"file://{jar}",
        "pipeline.object-reuse": "true",
        "parallelism.default": "1",
        "table.exec.state.ttl": "2 h",
        "table.local-time-zone": "UTC",
        "execution.checkpointing.interval": "5 s",
        "execution.checkpointing.dir": f"file://{state}",
    }.items():
        configuration.set_string(key, value)
    return configuration


def _readings(brokers: str, group: str) -> str:
    return f"""
CREATE TEMPORARY TABLE readings (
  id BIGINT,
  sensor ROW<id BIGINT, sensor_type ROW<name STRING>>,
  location ROW<latitude DOUBLE, longitude DOUBLE, indoor INT>,
  place ROW<country STRING, city STRING>,
  sensordatavalues ARRAY<ROW<`value` STRING, value_type STRING>>,
  event_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  arrived AS PROCTIME()
) WITH (
  'connector' = 'kafka', 'topic' = '{READINGS_RAW.name}', 'properties.bootstrap.servers' = '{brokers}',
  'properties.group.id' = '{group}', 'properties.auto.offset.reset' = 'earliest',
  'scan.startup.mode' = 'group-offsets', 'format' = 'json', 'json.ignore-parse-errors' = 'true')"""


def _measure_values(brokers: str, group: str) -> str:
    return f"""
CREATE TEMPORARY TABLE measure_values (
  topic STRING NOT NULL METADATA, event_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp',
  sensor_key STRING, sensor_id BIGINT, observed_at_s BIGINT, `value` DOUBLE, flags INT, sensor_type STRING,
  country STRING, city STRING, lat DOUBLE, lon DOUBLE, indoor INT
) WITH (
  'connector' = 'kafka', 'topic' = '{";".join(topic.name for topic in MEASURE_TOPICS.values())}',
  'properties.bootstrap.servers' = '{brokers}',
  'key.format' = 'raw', 'key.fields' = 'sensor_key', 'value.format' = 'json',
  'value.fields-include' = 'EXCEPT_KEY', 'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = '{group}', 'sink.transaction-naming-strategy' = 'POOLING',
  'properties.transaction.timeout.ms' = '600000', 'properties.compression.type' = 'lz4',
  'properties.linger.ms' = '50')"""


if __name__ == "__main__":
    main()

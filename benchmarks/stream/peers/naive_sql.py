"""The split as one first writes it in Flink SQL: text everywhere, one INSERT a measure, exactly once.

`python -m benchmarks.stream.peers.naive_sql`, with the settings of `flink_jobs`: until it is killed.
"""

from typing import TYPE_CHECKING

from contracts.measures import MEASURES, Measure
from contracts.topics import MEASURE_TOPICS, READINGS_RAW
from flink_jobs import process
from flink_jobs.settings import Settings
from flink_jobs.sql.text import number, text
from runtime.settings import read_settings
from runtime.stopping import stop_on_signals

if TYPE_CHECKING:
    from pyflink.table import StatementSet, TableEnvironment


def main() -> None:
    """Run until killed."""
    settings = read_settings(Settings)
    work = process.Work("naive", lambda te, _: _statements(te, settings).execute())
    raise SystemExit(process.run(work, settings, stop_on_signals()))


def _statements(te: "TableEnvironment", settings: Settings) -> "StatementSet":
    te.get_config().set("pipeline.object-reuse", "false")
    te.execute_sql(f"""
CREATE TEMPORARY TABLE readings (
  id BIGINT, `timestamp` STRING,
  sensor ROW<id BIGINT, sensor_type ROW<name STRING>>,
  location ROW<latitude STRING, longitude STRING, indoor INT>,
  place ROW<country STRING, city STRING>,
  sensordatavalues ARRAY<ROW<`value` STRING, value_type STRING>>,
  observed_at AS TO_TIMESTAMP(`timestamp`),
  arrived AS PROCTIME()
) WITH (
  'connector' = 'kafka', 'topic' = '{READINGS_RAW.name}', 'format' = 'json',
  'properties.bootstrap.servers' = '{settings.kafka_bootstrap_servers}',
  'properties.group.id' = '{settings.prefix}', 'properties.auto.offset.reset' = 'earliest',
  'scan.startup.mode' = 'group-offsets', 'json.ignore-parse-errors' = 'true')""")
    te.execute_sql("""
CREATE TEMPORARY VIEW fresh AS SELECT * FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY arrived ASC) AS seen FROM readings) WHERE seen = 1""")
    te.execute_sql("""
CREATE TEMPORARY VIEW entries AS
SELECT r.*, v.`value` AS original, v.value_type
FROM fresh AS r CROSS JOIN UNNEST(r.sensordatavalues) AS v(`value`, value_type)""")
    statements = te.create_statement_set()
    for measure in MEASURES:
        te.execute_sql(_sink(measure, settings))
        statements.add_insert_sql(_insert(measure))
    return statements


def _sink(measure: Measure, settings: Settings) -> str:
    return f"""
CREATE TEMPORARY TABLE sink_{measure.name} (
  sensor_key STRING, sensor_id BIGINT, observed_at STRING, `value` DOUBLE, flags INT, sensor_type STRING,
  country STRING, city STRING, lat DOUBLE, lon DOUBLE, indoor INT
) WITH (
  'connector' = 'kafka', 'topic' = '{MEASURE_TOPICS[measure.name].name}',
  'properties.bootstrap.servers' = '{settings.kafka_bootstrap_servers}',
  'key.format' = 'raw', 'key.fields' = 'sensor_key', 'value.format' = 'json',
  'value.fields-include' = 'EXCEPT_KEY', 'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = '{settings.prefix}-{measure.name}',
  'properties.transaction.timeout.ms' = '600000')"""


def _insert(measure: Measure) -> str:
    value = f"CAST(original AS DOUBLE) * {number(measure.scale)}"
    return f"""
INSERT INTO sink_{measure.name}
SELECT CAST(sensor.id AS STRING), sensor.id, CAST(observed_at AS STRING), {value},
  CASE WHEN {value} BETWEEN {number(measure.low)} AND {number(measure.high)} THEN 0 ELSE 1 END,
  sensor.sensor_type.name, place.country, place.city,
  CAST(location.latitude AS DOUBLE), CAST(location.longitude AS DOUBLE), location.indoor
FROM entries WHERE value_type IN ({", ".join(map(text, measure.upstream))})"""


if __name__ == "__main__":
    main()

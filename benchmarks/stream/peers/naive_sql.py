"""The split as one first writes it in Flink SQL, exactly once.

`python -m benchmarks.stream.peers.naive_sql`, with the settings of `flink_jobs`: until it is killed.
It means what ours means, in our words where there is but one way to say it. But views are views, each measure
has a sink and an INSERT of its own, rows are copied from step to step, and what is no reading is found by
asking each message's text for every member.
"""

from typing import TYPE_CHECKING

from contracts.dead_letters import Reason
from contracts.measures import MEASURES, Measure
from contracts.topics import MEASURE_TOPICS
from flink_jobs import process
from flink_jobs.connectors import LIVE_DOOR, KafkaConnectors
from flink_jobs.settings import Settings
from flink_jobs.sql import readings, split
from flink_jobs.sql.text import FINITE, Table, is_whole, table, text
from runtime.settings import read_settings
from runtime.stopping import stop_on_signals

if TYPE_CHECKING:
    from pyflink.table import StatementSet, TableEnvironment

MEASURE_VALUES = "measure_values"


def main() -> None:
    """Run until killed."""
    settings = read_settings(Settings)
    work = process.Work("naive", lambda te, _: _statements(te, settings).execute())
    raise SystemExit(process.run(work, settings, stop_on_signals()))


def _statements(te: "TableEnvironment", settings: Settings) -> "StatementSet":
    te.get_config().set("pipeline.object-reuse", "false")
    connectors = KafkaConnectors(settings.kafka_bootstrap_servers, settings.prefix, topics=LIVE_DOOR)
    ours = {each.name: each for each in split.tables(connectors)}
    columns = ours.pop(MEASURE_VALUES).columns
    sinks = (_sink(connectors, columns, measure) for measure in MEASURES)
    for each in (*readings.tables(connectors, settings.timing), *ours.values(), *sinks):
        te.execute_sql(each.sql)
    for step in readings.steps(settings.timing):
        te.execute_sql(f"CREATE TEMPORARY VIEW {step.name} AS {step.query}")
    statements = te.create_statement_set()
    for measure in MEASURES:
        statements.add_insert_sql(_insert(measure))
    _, letters_of_values = split.inserts(connectors, guard=False)
    statements.add_insert_sql(f"{letters_of_values}UNION ALL\n{_LETTERS_OF_LINES}")
    return statements


def _sink(connectors: KafkaConnectors, columns: tuple[str, ...], measure: Measure) -> Table:
    sink = connectors.sink(measure.name, (MEASURE_TOPICS[measure.name],), key="sensor_key")
    own = (each for each in columns if each.split()[0] not in {"topic", "event_time"})
    return table(f"sink_{measure.name}", own, sink)


def _insert(measure: Measure) -> str:
    return f"""
INSERT INTO sink_{measure.name} (event_time, sensor_key, sensor_id, sensor_type, country, city,
  lat, lon, indoor, observed_at_s, `value`, flags)
SELECT event_time, CAST(sensor_id AS STRING), sensor_id, {readings.of_station()},
  EXTRACT(EPOCH FROM event_time), `value`, flags
FROM flagged_values
WHERE measure = {text(measure.name)} AND `value` {FINITE}""".strip()


_LETTERS_OF_LINES = f"""
SELECT CASE WHEN body IS JSON VALUE THEN '{Reason.NOT_A_READING}' ELSE '{Reason.NOT_JSON}' END,
  source_topic, source_partition, source_offset, TRY_CAST(JSON_VALUE(body, '$.sensor.id') AS BIGINT), line,
  event_time
FROM (SELECT *, DECODE(line, 'UTF-8') AS body FROM reading_lines)
WHERE (body IS JSON OBJECT AND {is_whole("JSON_VALUE(body, '$.id')")}
  AND {is_whole("JSON_VALUE(body, '$.sensor.id')")}
  AND JSON_EXISTS(body, '$.sensordatavalues')) IS NOT TRUE"""


if __name__ == "__main__":
    main()

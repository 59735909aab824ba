"""The least that Flink SQL can do: read, parse, take the entries apart, write each as it came, exactly once.

`python -m benchmarks.stream.peers.bare_sql`, with the settings of `flink_jobs`: until it is killed.
No id is remembered, no number read, no doubt told, no letter written; so it is no way to do our work, but
what any job of this engine takes before it does some of it.
"""

from typing import TYPE_CHECKING

from contracts.topics import READINGS_LATE
from flink_jobs import process
from flink_jobs.connectors import LIVE_DOOR, KafkaConnectors
from flink_jobs.settings import Settings
from flink_jobs.sql import readings
from flink_jobs.sql.text import table
from runtime.settings import read_settings
from runtime.stopping import stop_on_signals

if TYPE_CHECKING:
    from pyflink.table import TableEnvironment, TableResult


def main() -> None:
    """Run until killed."""
    settings = read_settings(Settings)
    work = process.Work("bare", lambda te, _: _submitted(te, settings))
    raise SystemExit(process.run(work, settings, stop_on_signals()))


def _submitted(te: "TableEnvironment", settings: Settings) -> "TableResult":
    connectors = KafkaConnectors(settings.kafka_bootstrap_servers, settings.prefix, topics=LIVE_DOOR)
    # A topic that no way writes to, so that nothing is compared.
    sink = table("entries", _COLUMNS, connectors.sink("entries", (READINGS_LATE,), key="sensor_key"))
    for each in (*readings.tables(connectors, settings.timing), sink):
        te.execute_sql(each.sql)
    return te.execute_sql(_INSERT)


_COLUMNS = ("sensor_key STRING", "value_type STRING", "`value` STRING")

_INSERT = """
INSERT INTO entries (event_time, sensor_key, value_type, `value`)
SELECT event_time, sensor.id, v.value_type, v.original
FROM readings CROSS JOIN UNNEST(sensordatavalues) AS v(original, value_type)""".strip()


if __name__ == "__main__":
    main()

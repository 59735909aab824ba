"""How the job's tables are connected: to Kafka, or to folders of lines so that the same job runs bounded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from contracts.measures import MEASURES
from contracts.topics import DEAD_LETTERS, MEASURE_TOPICS, READINGS_ARCHIVE, READINGS_RAW

SOURCE_TOPICS = (READINGS_RAW.name, READINGS_ARCHIVE.name)

# Bytes; a message of 1 MiB, Kafka's default limit, is a third longer as base64.
DEAD_LETTER_BYTES_MAX = 2 * 1024 * 1024

# More than the checkpoint interval plus the longest outage: a prepared transaction that times out is lost.
TRANSACTION_TIMEOUT_MS = 600_000


@dataclass(frozen=True, slots=True)
class Connection:
    """What a connector adds to a table: columns that it fills or reads, and its options."""

    columns: tuple[str, ...]
    options: dict[str, str]


class Connectors(Protocol):
    """One connection for each of the job's four tables.

    Sources give event_time, source_topic, source_partition and source_offset;
    sinks take event_time, and that of the measure values a topic.
    """

    def readings(self) -> Connection:
        """Readings, parsed."""
        ...

    def reading_lines(self) -> Connection:
        """The same messages as bytes."""
        ...

    def measure_values(self) -> Connection:
        """Values, each to its topic."""
        ...

    def dead_letters(self) -> Connection:
        """What could not be used."""
        ...


@dataclass(frozen=True, slots=True)
class KafkaConnectors:
    """The real log. `prefix` names the consumer groups and the transactions."""

    bootstrap_servers: str
    prefix: str

    def readings(self) -> Connection:
        """The readings of both topics, parsed."""
        return Connection(_KAFKA_SOURCE_COLUMNS, self._source(self.prefix) | _READING_FORMAT)

    def reading_lines(self) -> Connection:
        """The same messages as bytes, read by a group of its own."""
        return Connection(_KAFKA_SOURCE_COLUMNS, self._source(f"{self.prefix}-guard") | {"format": "raw"})

    def measure_values(self) -> Connection:
        """One sink for all measures: the row says its topic."""
        topics = ";".join(MEASURE_TOPICS[measure.name].name for measure in MEASURES)
        options = {"topic": topics, "key.format": "raw", "key.fields": "sensor_key"}
        return Connection(
            ("topic STRING NOT NULL METADATA", *_KAFKA_SINK_COLUMNS),
            options | self._sink(f"{self.prefix}-values"),
        )

    def dead_letters(self) -> Connection:
        """One sink for all reasons."""
        options = {
            "topic": DEAD_LETTERS.name,
            "properties.max.request.size": str(DEAD_LETTER_BYTES_MAX),
        }
        return Connection(_KAFKA_SINK_COLUMNS, options | self._sink(f"{self.prefix}-dead-letters"))

    def _source(self, group_id: str) -> dict[str, str]:
        return {
            "connector": "kafka",
            "topic": ";".join(SOURCE_TOPICS),
            "properties.bootstrap.servers": self.bootstrap_servers,
            "properties.group.id": group_id,
            "scan.startup.mode": "group-offsets",
            "properties.auto.offset.reset": "earliest",  # without it a new group fails at start
        }

    def _sink(self, transactional_id_prefix: str) -> dict[str, str]:
        return {
            "connector": "kafka",
            "properties.bootstrap.servers": self.bootstrap_servers,
            "value.format": "json",
            "value.fields-include": "EXCEPT_KEY",
            "sink.delivery-guarantee": "exactly-once",
            "sink.transactional-id-prefix": transactional_id_prefix,
            # Ids are used again, so that the broker need not remember one for each checkpoint.
            "sink.transaction-naming-strategy": "POOLING",
            "properties.transaction.timeout.ms": str(TRANSACTION_TIMEOUT_MS),
            "properties.compression.type": "lz4",
            "properties.linger.ms": "50",
        }


@dataclass(frozen=True, slots=True)
class FolderConnectors:
    """Folders of lines under `root`; a reading's line carries its time as a member `event_time_ms`."""

    root: Path

    def readings(self) -> Connection:
        """The lines of `root/readings`, parsed."""
        time = ("event_time_ms BIGINT", "event_time AS TO_TIMESTAMP_LTZ(COALESCE(event_time_ms, 0), 3)")
        return Connection((*time, *_FOLDER_SOURCE_COLUMNS), self._folder("readings") | _READING_FORMAT)

    def reading_lines(self) -> Connection:
        """The same lines as bytes."""
        time = ("event_time AS TO_TIMESTAMP_LTZ(0, 3)",)
        return Connection((*time, *_FOLDER_SOURCE_COLUMNS), self._folder("readings") | {"format": "raw"})

    def measure_values(self) -> Connection:
        """Lines in `root/measure_values`; topic, time and key are members."""
        columns = ("topic STRING NOT NULL", "event_time TIMESTAMP_LTZ(3)")
        return Connection(columns, self._folder("measure_values") | {"format": "json"})

    def dead_letters(self) -> Connection:
        """Lines in `root/dead_letters`; the time is a member."""
        return Connection(("event_time TIMESTAMP_LTZ(3)",), self._folder("dead_letters") | {"format": "json"})

    def _folder(self, name: str) -> dict[str, str]:
        return {"connector": "filesystem", "path": (self.root / name).as_uri()}


_READING_FORMAT = {
    "format": "json",
    # One bad message would restart the job for ever; the guard sets aside what this drops.
    "json.ignore-parse-errors": "true",
    # The streaming parser loses its place after a member of the wrong type and then misreads its siblings.
    "json.decode.json-parser.enabled": "false",
}

_KAFKA_SOURCE_COLUMNS = (
    "event_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL",
    "source_topic STRING METADATA FROM 'topic' VIRTUAL",
    "source_partition INT METADATA FROM 'partition' VIRTUAL",
    "source_offset BIGINT METADATA FROM 'offset' VIRTUAL",
)

_KAFKA_SINK_COLUMNS = ("event_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp'",)

_FOLDER_SOURCE_COLUMNS = (
    f"source_topic AS '{READINGS_RAW.name}'",
    "source_partition AS 0",
    "source_offset AS CAST(0 AS BIGINT)",
)

"""How the job's tables are connected: to Kafka, or to folders of lines so that the same job runs bounded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from contracts.topics import READINGS_ARCHIVE, READINGS_RAW, Topic
from flink_jobs.kafka_properties import kafka_properties
from runtime.kafka_security import OPEN, KafkaSecurity

BOTH_DOORS = (READINGS_RAW.name, READINGS_ARCHIVE.name)
LIVE_DOOR, ARCHIVE_DOOR = (READINGS_RAW.name,), (READINGS_ARCHIVE.name,)

# A partition without news for so long holds nobody up; polls are at most five minutes apart, and all
# partitions get theirs together.
IDLE_AFTER_S = 60

MESSAGE_BYTES_MAX = "max.message.bytes"

# More than the checkpoint interval plus the longest outage: a prepared transaction that times out is lost.
TRANSACTION_TIMEOUT_MS = 600_000


@dataclass(frozen=True, slots=True)
class Connection:
    """What a connector adds to a table: columns that it fills or reads, and its options."""

    columns: tuple[str, ...]
    options: dict[str, str]


class Connectors(Protocol):
    """The connections of a job's tables.

    Sources give event_time, source_topic, source_partition and source_offset;
    sinks take event_time and, where there is a choice, the topic.
    """

    def readings(self) -> Connection:
        """Readings, parsed."""
        ...

    def history(self) -> Connection | None:
        """Readings beside them that are split and in no window, parsed; None where there are none."""
        ...

    def reading_lines(self) -> Connection:
        """The messages of both as bytes."""
        ...

    def name_of(self, topic: Topic[Any]) -> str:
        """What the topic is called where the sinks write."""
        ...

    def sink(self, name: str, topics: tuple[Topic[Any], ...], *, key: str | None = None) -> Connection:
        """One sink for all of `topics`: with several, the row says its topic. `key` names a column."""
        ...


@dataclass(frozen=True, slots=True)
class KafkaConnectors:
    """The real log. `prefix` names the consumer groups and the transactions.

    `topics` are those of `readings`, `history_topics` those of `history`.
    `is_bounded` reads from the first message to what is the last now, whatever the group has read;
    else it goes on where the group stopped, a new group at the first message.
    `version` is that of the topics written to; None for those of the contracts.
    Without news for `idle_after_s` a partition of `readings` holds no window up.
    """

    bootstrap_servers: str
    prefix: str
    topics: tuple[str, ...] = BOTH_DOORS
    history_topics: tuple[str, ...] = ()
    exactly_once: bool = True
    is_bounded: bool = False
    version: int | None = None
    idle_after_s: int = IDLE_AFTER_S
    security: KafkaSecurity = OPEN

    @property
    def reading_groups(self) -> tuple[str, ...]:
        """The consumer groups whose offsets tell how far the job is."""
        return (self.prefix, f"{self.prefix}-history") if self.history_topics else (self.prefix,)

    @property
    def groups(self) -> tuple[str, ...]:
        """All of them: those, and the guard's."""
        return (*self.reading_groups, self._guard_group)

    @property
    def _guard_group(self) -> str:
        return f"{self.prefix}-guard"

    def name_of(self, topic: Topic[Any]) -> str:
        """The contract's name, or that of the version."""
        return topic.name if self.version is None else topic.of_version(self.version).name

    def readings(self) -> Connection:
        """The readings of `topics`, parsed."""
        # History may come from one partition for longer than that.
        idle = {} if self.is_bounded else {"scan.watermark.idle-timeout": f"{self.idle_after_s} s"}
        source = self._source(self.topics, self.prefix)
        return Connection(_KAFKA_SOURCE_COLUMNS, source | idle | _READING_FORMAT)

    def history(self) -> Connection | None:
        """The readings of `history_topics`, parsed, read by a group of its own."""
        if not self.history_topics:
            return None
        source = self._source(self.history_topics, self.reading_groups[-1])
        return Connection(_KAFKA_SOURCE_COLUMNS, source | _READING_FORMAT)

    def reading_lines(self) -> Connection:
        """The messages of all topics as bytes, read by a group of its own."""
        source = self._source(self.topics + self.history_topics, self._guard_group)
        return Connection(_KAFKA_SOURCE_COLUMNS, source | {"format": "raw"})

    def sink(self, name: str, topics: tuple[Topic[Any], ...], *, key: str | None = None) -> Connection:
        """Transactions of its own, so that no two sinks share them."""
        columns = ("topic STRING NOT NULL METADATA",) if len(topics) > 1 else ()
        options = {
            "connector": "kafka",
            "topic": ";".join(self.name_of(topic) for topic in topics),
            **kafka_properties(self.bootstrap_servers, self.security),
            **({"key.format": "raw", "key.fields": key} if key else {}),
            "value.format": "json",
            "value.fields-include": "EXCEPT_KEY",
            **self._guarantee(name),
            "properties.compression.type": "lz4",
            "properties.linger.ms": "50",
        }
        largest = [
            topic.settings[MESSAGE_BYTES_MAX] for topic in topics if MESSAGE_BYTES_MAX in topic.settings
        ]
        if largest:
            options["properties.max.request.size"] = max(largest, key=int)
        return Connection((*columns, *_KAFKA_SINK_COLUMNS), options)

    def _guarantee(self, name: str) -> dict[str, str]:
        if not self.exactly_once:
            return {"sink.delivery-guarantee": "at-least-once"}
        return {
            "sink.delivery-guarantee": "exactly-once",
            "sink.transactional-id-prefix": f"{self.prefix}-{name}",
            # Ids are used again, so that the broker need not remember one for each checkpoint.
            "sink.transaction-naming-strategy": "POOLING",
            "properties.transaction.timeout.ms": str(TRANSACTION_TIMEOUT_MS),
        }

    def _source(self, topics: tuple[str, ...], group_id: str) -> dict[str, str]:
        return {
            "connector": "kafka",
            "topic": ";".join(topics),
            **kafka_properties(self.bootstrap_servers, self.security),
            "properties.group.id": group_id,
            **self._extent(),
        }

    def _extent(self) -> dict[str, str]:
        if self.is_bounded:
            return {"scan.startup.mode": "earliest-offset", "scan.bounded.mode": "latest-offset"}
        return {
            "scan.startup.mode": "group-offsets",
            "properties.auto.offset.reset": "earliest",  # without it a new group fails at start
        }


@dataclass(frozen=True, slots=True)
class FolderConnectors:
    """Folders of lines under `root`; a reading's line carries its time as a member `event_time_ms`.

    With a folder `history` there are readings beside those of `readings`, which the guard does not see.
    """

    root: Path

    def name_of(self, topic: Topic[Any]) -> str:
        """The contract's name."""
        return topic.name

    def readings(self) -> Connection:
        """The lines of `root/readings`, parsed."""
        return self._readings("readings", READINGS_RAW)

    def history(self) -> Connection | None:
        """The lines of `root/history`, parsed."""
        return self._readings("history", READINGS_ARCHIVE) if (self.root / "history").exists() else None

    def reading_lines(self) -> Connection:
        """The same lines as bytes."""
        time = "event_time AS TO_TIMESTAMP_LTZ(0, 3)"
        columns = (time, *_folder_source_columns(READINGS_RAW))
        return Connection(columns, self._folder("readings") | {"format": "raw"})

    def sink(self, name: str, topics: tuple[Topic[Any], ...], *, key: str | None = None) -> Connection:  # noqa: ARG002
        """Lines in `root/name`; topic, time and key are members."""
        columns = ("topic STRING NOT NULL",) if len(topics) > 1 else ()
        return Connection((*columns, "event_time TIMESTAMP_LTZ(3)"), self._folder(name) | {"format": "json"})

    def _readings(self, name: str, topic: Topic[Any]) -> Connection:
        time = ("event_time_ms BIGINT", "event_time AS TO_TIMESTAMP_LTZ(COALESCE(event_time_ms, 0), 3)")
        return Connection((*time, *_folder_source_columns(topic)), self._folder(name) | _READING_FORMAT)

    def _folder(self, name: str) -> dict[str, str]:
        return {"connector": "filesystem", "path": (self.root / name).as_uri()}


_READING_FORMAT = {
    "format": "json",
    # One bad message would restart the job for ever; the guard sets aside what this drops.
    "json.ignore-parse-errors": "true",
    # The streaming parser loses its place after a member of the wrong type and then misreads its siblings.
    "json.decode.json-parser.enabled": "false",
    "json.timestamp-format.standard": "ISO-8601",
}

_KAFKA_SOURCE_COLUMNS = (
    "event_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL",
    "source_topic STRING METADATA FROM 'topic' VIRTUAL",
    "source_partition INT METADATA FROM 'partition' VIRTUAL",
    "source_offset BIGINT METADATA FROM 'offset' VIRTUAL",
)

_KAFKA_SINK_COLUMNS = ("event_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp'",)


def _folder_source_columns(topic: Topic[Any]) -> tuple[str, ...]:
    return (
        f"source_topic AS '{topic.name}'",
        "source_partition AS 0",
        "source_offset AS CAST(0 AS BIGINT)",
    )

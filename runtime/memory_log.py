"""The log in memory: the twin of the real writer and readers for unit tests, held to the same tests."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from contracts.errors import UnavailableError
from runtime.log_interfaces import Partition, Progress, Record, Records


class MemoryLog:
    """Topics of one partition; may be made unavailable."""

    def __init__(self) -> None:
        self.records: dict[Partition, list[Record]] = defaultdict(list)
        self.committed: dict[tuple[str, Partition], int] = {}
        self.is_available = True

    def append(self, topic: str, value: bytes | None, *, key: bytes | None, timestamp_ms: int) -> None:
        """Write one record at the end."""
        partition = self.records[Partition(topic, 0)]
        partition.append(Record(len(partition), key, value, timestamp_ms))

    def values(self, topic: str) -> list[bytes | None]:
        """Every value of a topic, in order."""
        return [record.value for record in self.records[Partition(topic, 0)]]

    def require_available(self) -> None:
        """Raise UnavailableError while the log is made unavailable."""
        if not self.is_available:
            raise UnavailableError("the log is down")


class MemoryPublisher:
    """A Publisher into a MemoryLog; what is not flushed is not there."""

    def __init__(self, memory_log: MemoryLog) -> None:
        self._log = memory_log
        self._waiting: list[tuple[str, bytes, bytes | None, int]] = []

    def publish(self, topic: str, value: bytes, *, key: str | None, timestamp_ms: int) -> None:
        """Hold one record until `flush`."""
        self._waiting.append((topic, value, key.encode() if key is not None else None, timestamp_ms))

    def flush(self, timeout_s: float | None = None) -> None:  # noqa: ARG002 - the interface's
        """Append everything held; nothing of it where the log is down."""
        waiting, self._waiting = self._waiting, []
        self._log.require_available()
        for topic, value, key, timestamp_ms in waiting:
            self._log.append(topic, value, key=key, timestamp_ms=timestamp_ms)

    def close(self) -> None:
        """Drop what is held."""
        self._waiting.clear()


class MemoryRecordSource:
    """A RecordSource on a MemoryLog."""

    def __init__(self, memory_log: MemoryLog, *, topics: Sequence[str], group_id: str) -> None:
        self._log = memory_log
        self._group_id = group_id
        self._partitions = frozenset(Partition(topic, 0) for topic in topics)
        self._position = {p: memory_log.committed.get((group_id, p), 0) for p in self._partitions}
        self._is_paused = False

    def poll(self, timeout_s: float, *, max_records: int) -> Mapping[Partition, Records]:  # noqa: ARG002 - never waits
        """The next records by partition."""
        self._log.require_available()
        polled: dict[Partition, Records] = {}
        for partition in sorted(self._partitions) if not self._is_paused else ():
            start = self._position[partition]
            records = self._log.records[partition][start : start + max_records]
            if records:
                polled[partition] = Records([r.offset for r in records], [r.value for r in records])
                max_records -= len(records)
                self._position[partition] = start + len(records)
        return polled

    def commit(self, next_offset_by_partition: Mapping[Partition, int]) -> None:
        """Remember where the group goes on."""
        self._log.require_available()
        for partition, offset in next_offset_by_partition.items():
            self._log.committed[self._group_id, partition] = offset

    def pause(self) -> None:
        """Fetch nothing until `resume`."""
        self._is_paused = True

    def resume(self) -> None:
        """Fetch again."""
        self._is_paused = False

    def assigned(self) -> frozenset[Partition]:
        """All partitions of the topics."""
        return self._partitions

    def lag(self) -> int:
        """Records not yet polled."""
        self._log.require_available()
        return sum(len(self._log.records[p]) - self._position[p] for p in self._partitions)

    def close(self) -> None:
        """Nothing to let go of."""


class MemoryLogReader:
    """A LogReader on a MemoryLog."""

    def __init__(self, memory_log: MemoryLog) -> None:
        self._log = memory_log

    def records(
        self, topic: str, *, since_ms: int | None = None, on_progress: Progress | None = None
    ) -> Iterator[tuple[Partition, Record]]:
        """Every record that the topic has now."""
        self._log.require_available()
        partition = Partition(topic, 0)
        records = list(self._log.records[partition])
        dated = (n for n, each in enumerate(records) if since_ms is None or each.timestamp_ms >= since_ms)
        start = next(dated, len(records))
        for number, record in enumerate(records[start:], start=1):
            yield partition, record
            if on_progress is not None:
                on_progress(number, len(records) - start)

    def record(self, partition: Partition, offset: int) -> Record | None:
        """One record; None where there is none at the offset."""
        self._log.require_available()
        records = self._log.records[partition]
        return records[offset] if 0 <= offset < len(records) else None

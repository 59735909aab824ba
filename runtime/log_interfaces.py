"""What the rooms ask of the log, so that a room can be tested without a broker."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol


class Partition(NamedTuple):
    """One partition of a topic."""

    topic: str
    number: int


class Record(NamedTuple):
    """One record as it lies in the log; `timestamp_ms` is Unix time in milliseconds."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int


class Records(NamedTuple):
    """Records of one partition in their order, column by column: a fast reader makes no object of each."""

    offsets: Sequence[int]
    values: Sequence[bytes | None]


Progress = Callable[[int, int], None]  # done, of how many


class Publisher(Protocol):
    """Writes records; a record counts as written only after `flush`."""

    def publish(self, topic: str, value: bytes, *, key: str | None, timestamp_ms: int) -> None:
        """Hand one record over; it may still be on its way.

        May wait for those before it, and then raise UnavailableError as `flush` does.
        """
        ...

    def flush(self, timeout_s: float | None = None) -> None:
        """Wait until every record handed over is acknowledged.

        Raises UnavailableError where one was not; which ones were written is then unknown.
        """
        ...

    def close(self) -> None:
        """Drop what is not flushed and let go of the connection."""
        ...


class RecordSource(Protocol):
    """Reads the records of its topics as a member of a group, committed transactions only."""

    def poll(self, timeout_s: float, *, max_records: int) -> Mapping[Partition, Records]:
        """The next records by partition; may be empty. Keeps the membership alive."""
        ...

    def commit(self, next_offset_by_partition: Mapping[Partition, int]) -> None:
        """Remember, for the group, where to go on; raises UnavailableError where that failed."""
        ...

    def pause(self) -> None:
        """Fetch nothing until `resume`; `poll` then only keeps the membership."""
        ...

    def resume(self) -> None:
        """Fetch again."""
        ...

    def assigned(self) -> frozenset[Partition]:
        """The partitions that this member holds now."""
        ...

    def lag(self) -> int:
        """Records between what was polled and the end of the assigned partitions.

        Raises UnavailableError where the broker does not answer.
        """
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


class LogReader(Protocol):
    """Reads a topic as it lies there now, in no group, committed transactions only."""

    def records(
        self, topic: str, *, since_ms: int | None = None, on_progress: Progress | None = None
    ) -> Iterator[tuple[Partition, Record]]:
        """Every record up to the end that the topic has now, each partition in order; little in memory.

        With `since_ms` each partition begins at its first record that is dated then or later.
        Raises UnavailableError where the broker does not answer, or nothing comes for long.
        """
        ...

    def record(self, partition: Partition, offset: int) -> Record | None:
        """One record; None where there is none at the offset."""
        ...

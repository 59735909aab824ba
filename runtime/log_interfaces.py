"""What the rooms ask of the log, so that a room can be tested without a broker."""

from collections.abc import Mapping, Sequence
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

    def poll(self, timeout_s: float, *, max_records: int) -> Mapping[Partition, Sequence[Record]]:
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

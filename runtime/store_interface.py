"""What the rooms ask of the store of points, so that a room can be tested without InfluxDB."""

from collections.abc import Sequence
from typing import Protocol


class WriteRefusedError(Exception):
    """The store answered a write with something other than 204."""

    def __init__(self, status: int, body: bytes, retry_after_s: float | None = None) -> None:
        super().__init__(f"InfluxDB answered {status}: {body[:500].decode(errors='replace')}")
        self.status = status
        self.body = body
        self.retry_after_s = retry_after_s


class PointStore(Protocol):
    """Where lines go; equal points overwrite themselves, so a repeat does no harm."""

    def write(self, lines: Sequence[str]) -> None:
        """Store lines of second precision; returns when all of them are stored.

        No lines at all only ask whether the store would take some.
        Raises WriteRefusedError with the answer, or UnavailableError where there was none.
        """
        ...

"""Points in memory: the twin of `influx_store` for unit tests, held to the same tests."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from contracts.errors import UnavailableError
from runtime.influx_store import WriteRefusedError

_LINE = re.compile(r"^(?P<key>(?:\\.|[^\\ ])+) (?P<fields>[^ ]+) (?P<time>-?\d+)$")
_FIELD = re.compile(r"^(?P<name>[^=]+)=(?P<value>-?[0-9.]+(?:e[+-]?\d+)?)(?P<integer>i?)$")


class MemoryPointStore:
    """Merges points by series and time, and refuses a batch with a bad line as InfluxDB does."""

    def __init__(self) -> None:
        self.points: dict[tuple[str, int], dict[str, Any]] = {}
        self.answers: list[Exception] = []  # raised by the next writes, one each
        self.is_available = True

    def write(self, lines: Sequence[str]) -> None:
        """Store all lines, or none where one cannot be parsed."""
        if not self.is_available:
            raise UnavailableError("the store is down")
        if self.answers:
            raise self.answers.pop(0)
        parsed = {line: _parsed(line) for line in lines}
        bad = [line for line, point in parsed.items() if point is None]
        if bad:
            message = "\n".join(f"unable to parse '{line}': bad line" for line in bad)
            raise WriteRefusedError(400, msgspec.json.encode({"code": "invalid", "message": message}))
        for point in parsed.values():
            if point is not None:
                key, time_s, fields = point
                self.points.setdefault((key, time_s), {}).update(fields)


def _parsed(line: str) -> tuple[str, int, dict[str, Any]] | None:
    found = _LINE.match(line)
    fields = [_FIELD.match(field) for field in found["fields"].split(",")] if found else []
    if found is None or not all(fields):
        return None
    values = {f["name"]: int(f["value"]) if f["integer"] else float(f["value"]) for f in fields if f}
    return found["key"], int(found["time"]), values

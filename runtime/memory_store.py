"""Points in memory: the twin of `influx_store` for unit tests, held to the same tests."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from contracts.errors import UnavailableError
from runtime.store_interface import WriteRefusedError

_LINE = re.compile(r"^(?P<key>(?:\\.|[^\\ ])+) (?P<fields>[^ ]+) (?P<time>-?\d+)$")
_FIELD = re.compile(r"^(?P<name>[^=]+)=(?P<value>-?[0-9.]+(?:e[+-]?\d+)?)(?P<integer>i?)$")


class MemoryPointStore:
    """Merges points by series and time.

    As InfluxDB does, it refuses a batch with a bad line as a whole (400, naming the line),
    and of a batch with a field of another type it stores the rest (422, naming none).
    """

    def __init__(self) -> None:
        self._type_by_field: dict[str, type] = {}
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
        conflicts = sum(not self._is_merged(*point) for point in parsed.values() if point is not None)
        if conflicts:
            message = f"partial write: field type conflict dropped={conflicts}"
            body = msgspec.json.encode({"code": "unprocessable entity", "message": message})
            raise WriteRefusedError(422, body)

    def _is_merged(self, key: str, time_s: int, fields: dict[str, Any]) -> bool:
        if any(self._type_by_field.setdefault(name, type(v)) is not type(v) for name, v in fields.items()):
            return False
        self.points.setdefault((key, time_s), {}).update(fields)
        return True


def _parsed(line: str) -> tuple[str, int, dict[str, Any]] | None:
    found = _LINE.match(line)
    fields = [_FIELD.match(field) for field in found["fields"].split(",")] if found else []
    if found is None or not all(fields):
        return None
    values = {f["name"]: int(f["value"]) if f["integer"] else float(f["value"]) for f in fields if f}
    return found["key"], int(found["time"]), values

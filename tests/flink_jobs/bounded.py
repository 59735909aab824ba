"""Builders of messages, and what a bounded run of the job gave."""

import base64
import itertools
import json

OBSERVED_AT_S = 1557649203

_ids = itertools.count(14883647050)


def a_reading(*values, **members):
    """One raw reading with values (text, value_type), and the time as a member."""
    return {
        "id": next(_ids),
        "sensor": {"id": 71, "pin": "1", "sensor_type": {"id": 14, "name": "SDS011"}},
        "location": {"id": 48, "latitude": "57.136", "longitude": "-2.075", "country": "GB", "indoor": 0},
        "sensordatavalues": [{"value": value, "value_type": value_type} for value, value_type in values],
        "place": {"country": "GB", "city": "Aberdeen", "geohash": "gfnt0ab"},
        "fetched_at": "2026-11-23T10:00:00Z",
        "event_time_ms": OBSERVED_AT_S * 1000,
    } | members


def line(reading):
    """A reading as the bytes of a message."""
    return json.dumps(reading, separators=(",", ":"), ensure_ascii=False).encode()


class Outcome:
    """What a bounded run of the job gave."""

    def __init__(self, root):
        self._lines_by_sink = {
            folder.name: _lines(folder)
            for folder in root.iterdir()
            if folder.name not in ("readings", "history")
        }
        self.values = self.of("measure-values")
        self.letters = self.of("dead-letters")
        for letter in self.letters:
            letter["original"] = base64.b64decode(letter["original"])

    def of(self, sink):
        """The messages of one sink."""
        return self._lines_by_sink.get(sink, [])

    def value(self, upstream_id):
        """The values of the reading of sensor `upstream_id`."""
        return [value for value in self.values if value["sensor_id"] == upstream_id]


def _lines(folder):
    parts = [part for part in folder.rglob("*") if part.is_file()]
    return [json.loads(text) for part in parts for text in part.read_text().splitlines()]

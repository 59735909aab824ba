"""A recording scaled to a network of any size: its sensors cloned, and those made up that it lacks.

Every record is a function of its sensor and its number alone, so that overlapping windows, and a server
started again with the same start, show the same records under the same ids.
"""

import math
from array import array
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import accumulate

import msgspec

from local_stack.recording_server.sensor_kinds import KINDS, Kind
from local_stack.recording_server.stations import Station, scattered, stations
from local_stack.recording_server.timeline import WINDOW_S, Timeline
from local_stack.recordings import Recording
from local_stack.recordings.recording import timestamp_at

WHOLE_NETWORK_RECORDS = 48_000
REPORT_EVERY_S = 145  # the firmware's interval
DAY_S = 86_400
# As upstream's of 2026.
FIRST_ID, FIRST_VALUE_ID, FIRST_SENSOR_ID = 30_000_000_000, 67_000_000_000, 1_000
VALUES_MAX = 16  # ids kept for the values of one record

Values = list[tuple[str, object]]  # value type, value


@dataclass(frozen=True, slots=True)
class _Sensor:
    """`phase_s` is the second of its first report, `scatter` its own number from 0 to 1."""

    kind: Kind
    station: Station
    phase_s: int
    scatter: float
    description: msgspec.Raw


@dataclass(frozen=True, slots=True)
class _Diary:
    """What one recorded sensor reported, by Unix second."""

    observed_at_s: "array[int]" = field(default_factory=lambda: array("q"))
    values: list[Values] = field(default_factory=list)

    def at(self, unix_s: int) -> Values:
        """The last report of that moment; before the first, the first."""
        return self.values[max(bisect_right(self.observed_at_s, unix_s) - 1, 0)]


class Network:
    """So many sensors, in the mix of the live network, that a window holds about `records` records."""

    def __init__(
        self, recording: Recording, timeline: Timeline, *, records: int = WHOLE_NETWORK_RECORDS
    ) -> None:
        self._timeline = timeline
        self._diaries_by_kind = _diaries_by_kind(recording)
        self._sensors = _sensors(max(1, round(records * REPORT_EVERY_S / WINDOW_S)))

    def window(self, minute_s: int) -> list[bytes]:
        """The records of the window up to minute_s (Unix time), as the service would show them."""
        after, until = self._timeline.span(minute_s)
        return [
            self._record(number, sensor, report)
            for number, sensor in enumerate(self._sensors)
            for report in range(
                max(0, (after - sensor.phase_s) // REPORT_EVERY_S + 1),
                (until - sensor.phase_s) // REPORT_EVERY_S + 1,
            )
        ]

    def _record(self, number: int, sensor: _Sensor, report: int) -> bytes:
        second = sensor.phase_s + report * REPORT_EVERY_S
        count = report * len(self._sensors) + number
        reported = self._values(number, sensor, second)
        values: list[dict[str, object]] = [
            {"id": FIRST_VALUE_ID + count * VALUES_MAX + index, "value": value, "value_type": value_type}
            for index, (value_type, value) in enumerate(reported)
        ]
        values += [
            {"value": _sea_level_pa(float(str(value)), sensor.station), "value_type": "pressure_at_sealevel"}
            for value_type, value in reported
            if value_type == "pressure"
        ]
        return msgspec.json.encode({
            "id": FIRST_ID + count,
            "sampling_rate": None,
            "timestamp": timestamp_at(self._timeline.starts_at_s + second),
            "location": sensor.station.location,
            "sensor": sensor.description,
            "sensordatavalues": values,
        })  # fmt: skip

    def _values(self, number: int, sensor: _Sensor, second: int) -> Values:
        diaries = self._diaries_by_kind.get(sensor.kind.name)
        if diaries:
            return diaries[number % len(diaries)].at(self._timeline.recorded_s(second))
        share = (1 + math.sin(2 * math.pi * (second / DAY_S + sensor.scatter))) / 2
        values: Values = [(course.value_type, course.at(share)) for course in sensor.kind.courses]
        if sensor.kind.tells_time:
            values.append(("timestamp", timestamp_at(self._timeline.starts_at_s + second)))
        return values


def _sensors(count: int) -> list[_Sensor]:
    """The sensors by kind, dust first; the first half of them and the second share their stations."""
    where = stations(-(-count // 2))
    ends = list(accumulate(kind.records for kind in KINDS))
    kinds = [KINDS[bisect_right(ends, (number + 0.5) / count * ends[-1])] for number in range(count)]
    return [_sensor(number, kind, where[number % len(where)]) for number, kind in enumerate(kinds)]


def _sensor(number: int, kind: Kind, station: Station) -> _Sensor:
    description = {
        "id": FIRST_SENSOR_ID + number,
        "pin": kind.pin,
        "sensor_type": {"id": kind.type_id, "name": kind.name, "manufacturer": kind.manufacturer},
    }
    return _Sensor(
        kind=kind,
        station=station,
        phase_s=1 + int(scattered(number) * REPORT_EVERY_S),
        scatter=scattered(number),
        description=msgspec.Raw(msgspec.json.encode(description)),
    )


def _diaries_by_kind(recording: Recording) -> dict[str, list[_Diary]]:
    """Diaries of the recorded sensors by the name of their type."""
    by_sensor: dict[tuple[str, int], _Diary] = defaultdict(_Diary)
    for observed_at_s, raw in recording:
        record = _decode(raw)
        diary = by_sensor[record.sensor.sensor_type.name, record.sensor.id]
        diary.observed_at_s.append(observed_at_s)
        diary.values.append(
            [(each.value_type, each.value) for each in record.sensordatavalues if each.id is not None]
        )
    by_kind: dict[str, list[_Diary]] = defaultdict(list)
    for (kind, _), diary in by_sensor.items():
        by_kind[kind].append(diary)
    return by_kind


def _sea_level_pa(pressure_pa: float, station: Station) -> float:
    """As upstream's server reduces it: the barometric formula of the standard atmosphere."""
    return round(pressure_pa / math.pow(1 - station.altitude_m / 44_330, 5.255), 2)


class _RecordedType(msgspec.Struct):
    name: str


class _RecordedSensor(msgspec.Struct):
    id: int
    sensor_type: _RecordedType


class _RecordedValue(msgspec.Struct):
    value_type: str
    value: object
    id: int | None = None


class _Recorded(msgspec.Struct):
    sensor: _RecordedSensor
    sensordatavalues: list[_RecordedValue]


_decode = msgspec.json.Decoder(_Recorded).decode

"""What is known of every sensor, and what changed: (what was known, readings) → (what is known, changes).

Pure. Told the same readings again, or older ones, it finds no change.
"""

from collections.abc import Iterable

import msgspec

from contracts.sensors import SensorChange
from scraper.parsing import Reading

SILENT_AFTER_S = 24 * 3600
# After a longer pause of ours, silence says nothing: the count begins anew.
PAUSE_S_MAX = 6 * 3600
# Five times as many as were ever registered; of more, those that were seen last are known.
SENSORS_MAX = 200_000
SENSOR_TYPE_CHARACTERS_MAX = 64
BLUR_PER_DEGREE = 1000  # the network blurs positions to 3 decimals

Blurred = tuple[int, int]  # latitude and longitude in thousandths of a degree


class KnownSensor(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is known of one sensor: its newest reading, when that came (Unix seconds), and what it told."""

    observed_at_s: int
    received_at_s: int
    sensor_type: str = ""
    position: Blurred | None = None
    is_indoor: bool = False
    is_silent: bool = False


class KnownSensors(msgspec.Struct, frozen=True, array_like=True):
    """What is known of all sensors, when it was last looked, and since when without a long pause."""

    by_id: dict[int, KnownSensor] = {}
    looked_at_s: int = 0
    watched_since_s: int = 0


Changes = dict[int, tuple[SensorChange, ...]]  # by sensor id

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(KnownSensors).decode


def followed(
    known: KnownSensors, readings: Iterable[Reading], *, now_s: float
) -> tuple[KnownSensors, Changes]:
    """What is known after these readings came at `now_s`, and what changed by them or by their absence."""
    now_s = int(now_s)
    by_id, changes = dict(known.by_id), {}
    for sensor_id, reading in _newest_by_sensor(readings).items():
        before = by_id.get(sensor_id)
        if before is None or reading.observed_at_s > before.observed_at_s:
            after = by_id[sensor_id] = _after(before, reading, now_s=now_s)
            if changed := _changes(before, after):
                changes[sensor_id] = changed
    is_watching = now_s - known.looked_at_s <= PAUSE_S_MAX
    watched_since_s = known.watched_since_s if is_watching else now_s
    if now_s - watched_since_s > SILENT_AFTER_S:
        for sensor_id in _fallen_silent(by_id, since_s=now_s - SILENT_AFTER_S):
            by_id[sensor_id] = msgspec.structs.replace(by_id[sensor_id], is_silent=True)
            changes[sensor_id] = (SensorChange.SILENT,)
    return KnownSensors(_bounded(by_id), looked_at_s=now_s, watched_since_s=watched_since_s), changes


def degrees(position: Blurred) -> tuple[float, float]:
    """Latitude and longitude in degrees, to the blur."""
    return position[0] / BLUR_PER_DEGREE, position[1] / BLUR_PER_DEGREE


def packed(known: KnownSensors) -> bytes:
    """All of it as one value, about 30 bytes a sensor."""
    return _encode(known)


def unpacked(value: bytes | None) -> KnownSensors:
    """The opposite of `packed`; nothing, or bytes that are not ours, are no sensors."""
    try:
        return KnownSensors() if value is None else _decode(value)
    except ValueError:  # msgspec's own, or Python's of bytes that are no UTF-8
        return KnownSensors()


def _newest_by_sensor(readings: Iterable[Reading]) -> dict[int, Reading]:
    newest: dict[int, Reading] = {}
    for reading in readings:
        other = newest.setdefault(reading.sensor_id, reading)
        if reading.observed_at_s > other.observed_at_s:
            newest[reading.sensor_id] = reading
    return newest


def _after(before: KnownSensor | None, reading: Reading, *, now_s: int) -> KnownSensor:
    """A reading that does not tell its type or position leaves what was known of them."""
    position, is_indoor = _blurred(reading), reading.is_indoor
    sensor_type = reading.sensor_type[:SENSOR_TYPE_CHARACTERS_MAX]
    if before is not None:
        sensor_type = sensor_type or before.sensor_type
        if position is None:
            position, is_indoor = before.position, before.is_indoor
    return KnownSensor(reading.observed_at_s, now_s, sensor_type, position, is_indoor)


def _changes(before: KnownSensor | None, after: KnownSensor) -> tuple[SensorChange, ...]:
    if before is None:
        return (SensorChange.NEW,)
    is_elsewhere = before.position != after.position or before.is_indoor != after.is_indoor
    happened = {
        SensorChange.BACK: before.is_silent,
        SensorChange.MOVED: is_elsewhere,
        SensorChange.RETYPED: before.sensor_type != after.sensor_type,
    }
    return tuple(change for change, is_so in happened.items() if is_so)


def _blurred(reading: Reading) -> Blurred | None:
    if reading.latitude is None or reading.longitude is None:
        return None
    return round(reading.latitude * BLUR_PER_DEGREE), round(reading.longitude * BLUR_PER_DEGREE)


def _fallen_silent(by_id: dict[int, KnownSensor], *, since_s: int) -> list[int]:
    return [n for n, sensor in by_id.items() if sensor.received_at_s < since_s and not sensor.is_silent]


def _bounded(by_id: dict[int, KnownSensor]) -> dict[int, KnownSensor]:
    if len(by_id) <= SENSORS_MAX:
        return by_id
    latest = sorted(by_id.items(), key=lambda item: item[1].received_at_s, reverse=True)
    return dict(latest[:SENSORS_MAX])

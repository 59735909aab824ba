"""What a message means, in plain Python and once for all peers: its values, and what of it is set aside."""

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from contracts.dead_letters import DeadLetter, Reason
from contracts.flags import FUTURE_S_MAX, Flag
from contracts.measure_values import MeasureValue
from contracts.measures import HOUSEKEEPING, MEASURES, Measure, OtherUnit
from contracts.topics import DEAD_LETTERS, MEASURE_TOPICS

ID_TTL_S = 7200
NAN = math.nan


class SensorType(msgspec.Struct, frozen=True, gc=False):
    """As upstream tells it."""

    name: str | None = None


class Sensor(msgspec.Struct, gc=False):
    """The same."""

    id: int
    sensor_type: SensorType = SensorType()


class Location(msgspec.Struct, gc=False):
    """The same; coordinates are text."""

    latitude: str | None = None
    longitude: str | None = None
    indoor: int | None = None


class Place(msgspec.Struct, gc=False):
    """Where the scraper found it to be."""

    country: str | None = None
    city: str | None = None


class Entry(msgspec.Struct, gc=False):
    """One of a reading's values."""

    value: str | float | None
    value_type: str | None


class Reading(msgspec.Struct, gc=False):
    """A message of the raw log, what is read of it."""

    id: int
    sensor: Sensor
    location: Location
    sensordatavalues: list[Entry]
    fetched_at: datetime
    place: Place | None = None


class Source(NamedTuple):
    """Where a message stands in the log, and its time."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


class Value(NamedTuple):
    """A value in the unit of its measure, and the topic that it goes to."""

    topic: str
    value: float
    flags: int


class _Rule(NamedTuple):
    topic: str
    scale: float
    low: float
    high: float
    saturated_at: float
    other: OtherUnit | None
    is_climate: bool
    is_dust: bool


def _rule(measure: Measure, upstream: str) -> _Rule:
    return _Rule(
        MEASURE_TOPICS[measure.name].name, measure.scale, measure.low, measure.high,
        math.inf if measure.saturated_at is None else measure.saturated_at,
        measure.other_unit, measure.is_climate, upstream in {"P1", "P2"},
    )  # fmt: skip


RULE_BY_VALUE_TYPE = {upstream: _rule(each, upstream) for each in MEASURES for upstream in each.upstream}

decoded = msgspec.json.Decoder(Reading).decode
_encoded = msgspec.json.Encoder().encode


def outcome(
    body: bytes, source: Source, *, is_repeated: Callable[[int], bool]
) -> Iterator[tuple[str, bytes | None, bytes]]:
    """Topic, key and body of each message that comes of one; of a repeated id, none."""
    try:
        reading = decoded(body)
    except msgspec.DecodeError:
        yield _letter(source, *letter_of_message(body), body)
        return
    if is_repeated(reading.id):
        return
    entries = ((each.value, each.value_type) for each in reading.sensordatavalues)
    values, letters = values_of(entries, is_from_future=_is_from_future(reading, source.timestamp_ms))
    key = b"%d" % reading.sensor.id
    for value in values:
        yield value.topic, key, _encoded(_measure_value(reading, source.timestamp_ms // 1000, value))
    for reason, original in letters:
        yield _letter(source, reason, reading.sensor.id, original)


def values_of(
    entries: Iterable[tuple[Any, str | None]], *, is_from_future: bool
) -> tuple[list[Value], list[tuple[Reason, bytes]]]:
    """The values of a reading's entries (value, value_type), and why which entries are none."""
    found: list[tuple[_Rule, float, int]] = []
    letters: list[tuple[Reason, bytes]] = []
    dust: dict[str, float] = {}
    shared = Flag.FROM_FUTURE.value if is_from_future else 0
    for original, value_type in entries:
        if value_type in HOUSEKEEPING:
            continue
        rule = RULE_BY_VALUE_TYPE.get(value_type or "")
        number = _number(original)
        if rule is None or not math.isfinite(number):
            reason = Reason.NOT_A_NUMBER if rule else Reason.UNKNOWN_MEASURE
            letters.append((reason, msgspec.json.encode({"value": original, "value_type": value_type})))
            continue
        value, flags = _in_unit(rule, number)
        if flags & Flag.OUT_OF_RANGE.value and rule.is_climate:
            shared |= Flag.SENSOR_FAULT.value
        if rule.is_dust:
            dust.setdefault(value_type or "", number)
        found.append((rule, value, flags))
    swapped = Flag.PM25_ABOVE_PM10.value if dust.get("P2", NAN) > dust.get("P1", NAN) else 0
    return [
        Value(rule.topic, value, flags | shared | (swapped if rule.is_dust else 0))
        for rule, value, flags in found
    ], letters


def letter_of_message(body: bytes) -> tuple[Reason, int | None]:
    """Why a message is no reading, and the sensor that it names."""
    try:
        read = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return Reason.NOT_JSON, None
    sensor = read.get("sensor") if isinstance(read, dict) else None
    sensor_id = sensor.get("id") if isinstance(sensor, dict) else None
    return Reason.NOT_A_READING, sensor_id if isinstance(sensor_id, int) else None


def _is_from_future(reading: Reading, timestamp_ms: int) -> bool:
    return timestamp_ms > (reading.fetched_at.timestamp() + FUTURE_S_MAX) * 1000


def _measure_value(reading: Reading, observed_at_s: int, value: Value) -> MeasureValue:
    place, location = reading.place, reading.location
    is_placed = place is not None and place.country is not None
    return MeasureValue(
        sensor_id=reading.sensor.id,
        observed_at_s=observed_at_s,
        value=value.value,
        flags=value.flags,
        sensor_type=reading.sensor.sensor_type.name,
        country=place and place.country,
        city=place and place.city,
        lat=float(location.latitude) if is_placed and location.latitude else None,
        lon=float(location.longitude) if is_placed and location.longitude else None,
        indoor=location.indoor,
    )


def _letter(
    source: Source, reason: Reason, sensor_id: int | None, original: bytes
) -> tuple[str, None, bytes]:
    letter = DeadLetter(
        reason=reason.value,
        original=original,
        source_topic=source.topic,
        source_partition=source.partition,
        source_offset=source.offset,
        sensor_id=sensor_id,
    )
    return DEAD_LETTERS.name, None, _encoded(letter)


def _number(original: Any) -> float:
    try:
        return float(original)
    except (TypeError, ValueError):
        return NAN


def _in_unit(rule: _Rule, number: float) -> tuple[float, int]:
    other = rule.other
    if other is not None and other.low <= number <= other.high:
        value, flags = number * other.scale, Flag.UNIT_REPAIRED.value
    else:
        value, flags = number * rule.scale, 0
    if not rule.low <= value <= rule.high:
        flags |= Flag.OUT_OF_RANGE.value | (Flag.SATURATED.value if value >= rule.saturated_at else 0)
    return value, flags

"""The door: bytes of the feed become readings, and what is none becomes a dead letter.

Whatever the bytes, parsing ends: it never raises, and every byte that matters is in a reading or a letter.
"""

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from contracts.dead_letters import DeadLetter, Reason, dead_letter
from contracts.errors import BadInputError
from contracts.measures import HOUSEKEEPING

INT64_MAX = 2**63 - 1
INT64_DIGITS = 19  # Python itself refuses text of more than 4300
# Objects that turn out to be no record while we look for the next whole one; bounds a hostile payload.
FAILURES_MAX = 200_000
FAILED_CHARACTERS_MAX = 256 * 1024 * 1024
RECORD_BYTES_MAX = 256 * 1024
# Twenty times the longest record of the feed; one that lacks its end runs on to here, through its successors.
SALVAGED_CHARACTERS_MAX = 16 * 1024
TIMESTAMPS_KEPT = 1_000  # the seconds of a window, in which the whole network reports 48,000 times
LOCATIONS_KEPT, SENSOR_TYPES_KEPT = 20_000, 1_000  # of the whole network; each comes several times a window
# Upstream's dummy, which its own exports leave out.
NOWHERE_LOCATION_ID = b"11"
# msgspec tells of bytes that are no UTF-8 by Python's own error.
_NOT_DECODED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_OPENING = re.compile(r'\{\s*"')


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One record of the feed that is a reading. `record` is its bytes as they came.

    `observed_at_s` is Unix time; latitude and longitude are degrees, None where there is no position.
    `values` counts its values, `ignored` those of them that are housekeeping.
    `sensor_type` is empty where it is not told; a reading that does not say so is not indoor.
    """

    id: int
    sensor_id: int
    observed_at_s: int
    latitude: float | None
    longitude: float | None
    values: int
    ignored: int
    sensor_type: str
    is_indoor: bool
    record: bytes


@dataclass(slots=True)
class Parsed:
    """What a payload held."""

    readings: list[Reading] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)


class _SensorType(msgspec.Struct, gc=False):
    name: str = ""


class _Sensor(msgspec.Struct, gc=False):
    id: int | str
    sensor_type: msgspec.Raw = msgspec.Raw()


class _Location(msgspec.Struct, gc=False):
    id: msgspec.Raw = msgspec.Raw()
    latitude: msgspec.Raw = msgspec.Raw()
    longitude: msgspec.Raw = msgspec.Raw()
    indoor: msgspec.Raw = msgspec.Raw()


class _Value(msgspec.Struct, gc=False):
    value_type: str


class _Record(msgspec.Struct, gc=False):
    id: int | str
    timestamp: str
    sensor: _Sensor
    sensordatavalues: list[_Value]
    location: msgspec.Raw = msgspec.Raw()


_json_decoder = json.JSONDecoder()
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_record = msgspec.json.Decoder(_Record).decode
_decode_sensor_type = msgspec.json.Decoder(_SensorType).decode
_decode_location = msgspec.json.Decoder(_Location).decode


def parsed_payload(payload: bytes, *, latest_s: float) -> Parsed:
    """Every reading and every dead letter of one answer of the feed.

    Readings observed after `latest_s` (Unix time) are set aside.
    """
    parsed = Parsed()
    payload = payload.removeprefix(codecs.BOM_UTF8)
    try:
        records: Iterator[bytes | DeadLetter] = (bytes(raw) for raw in _decode_list(payload))
    except _NOT_DECODED:
        records = _salvaged(payload)
    for record in records:
        if isinstance(record, DeadLetter):
            parsed.letters.append(record)
            continue
        try:
            parsed.readings.append(parsed_record(record, latest_s=latest_s))
        except BadInputError as error:
            parsed.letters.append(dead_letter(Reason(error.reason), record))
    return parsed


def parsed_record(record: bytes, *, latest_s: float) -> Reading:
    """One record as a reading; raises BadInputError with the reason of a dead letter."""
    if len(record) > RECORD_BYTES_MAX:
        raise BadInputError(Reason.NOT_A_READING, f"{len(record)} bytes are no reading")
    try:
        record.decode()  # msgspec does not look at what it skips, but whoever reads the record next may
        found = _decode_record(record)
    except _NOT_DECODED as error:
        raise BadInputError(_reason(record), str(error)) from error
    observed_at_s = observed_second(found.timestamp)
    if observed_at_s > latest_s:
        raise BadInputError(Reason.FROM_THE_FUTURE, found.timestamp)
    latitude, longitude, is_indoor = _where(bytes(found.location))
    return Reading(
        id=_whole(found.id),
        sensor_id=_whole(found.sensor.id),
        observed_at_s=observed_at_s,
        latitude=latitude,
        longitude=longitude,
        values=len(found.sensordatavalues),
        ignored=sum(value.value_type in HOUSEKEEPING for value in found.sensordatavalues),
        sensor_type=_sensor_type(bytes(found.sensor.sensor_type)),
        is_indoor=is_indoor,
        record=record,
    )


def _reason(record: bytes) -> Reason:
    return Reason.NOT_A_READING if _is_json(record) else Reason.NOT_JSON


def _whole(number: int | str) -> int:
    if isinstance(number, str):
        is_short = number.isascii() and number.isdigit() and len(number) <= INT64_DIGITS
        if not is_short or str(int(number)) != number:
            raise BadInputError(Reason.NOT_A_READING, f"{number[:INT64_DIGITS]!r} is no id")
        number = int(number)
    if not 0 <= number <= INT64_MAX:
        raise BadInputError(Reason.NOT_A_READING, f"{number} is no id")
    return number


@lru_cache(TIMESTAMPS_KEPT)
def observed_second(timestamp: str) -> int:
    """Unix second of `2019-05-12 00:00:15`, also with T, microseconds, Z or an offset; UTC without one."""
    try:
        moment = datetime.fromisoformat(timestamp.strip())
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = int(aware.timestamp())
    except (ValueError, OverflowError) as error:
        raise BadInputError(Reason.NOT_A_READING, f"{timestamp!r} is no time") from error
    if seconds < 0:
        raise BadInputError(Reason.NOT_A_READING, f"{timestamp!r} is before 1970")
    return seconds


@lru_cache(SENSOR_TYPES_KEPT)
def _sensor_type(raw: bytes) -> str:
    try:
        return _decode_sensor_type(raw).name
    except msgspec.MsgspecError:
        return ""


@lru_cache(LOCATIONS_KEPT)
def _where(raw: bytes) -> tuple[float | None, float | None, bool]:
    """Latitude and longitude in degrees, or None and None; whether it is indoors."""
    try:
        location = _decode_location(raw)
    except msgspec.MsgspecError:
        location = _Location()
    return *_position(location), bytes(location.indoor).strip(b' "') == b"1"


def _position(location: _Location) -> tuple[float, float] | tuple[None, None]:
    """Degrees; nothing where they are missing, no numbers, out of range, the 0, 0 of no answer, a dummy."""
    if bytes(location.id).strip(b'"') == NOWHERE_LOCATION_ID:
        return None, None
    try:
        latitude, longitude = _degrees(location.latitude), _degrees(location.longitude)
    except ValueError:
        return None, None
    if not (-90.0 <= latitude <= 90.0 and -180.0 <= longitude <= 180.0) or latitude == longitude == 0.0:
        return None, None
    return latitude, longitude


def _degrees(raw: msgspec.Raw) -> float:
    """A number, or a number as text; raises ValueError on anything else."""
    return float(bytes(raw).strip().strip(b'"').decode(errors="replace"))


def _salvaged(payload: bytes) -> Iterator[bytes | DeadLetter]:
    """The whole records of a payload that is no strict JSON list, and the bytes between them as letters."""
    if _is_json(payload) and not payload.lstrip().startswith(b"["):
        yield dead_letter(Reason.NOT_A_READING, payload)
        return
    text = payload.decode("utf-8", errors="surrogateescape")
    done = 0
    for start, end in _whole_records(text):
        yield from _letter_of_rest(text[done:start], Reason.NOT_JSON)
        yield _bytes(text[start:end])
        done = end
    is_closed = text.rstrip().endswith("]")
    yield from _letter_of_rest(text[done:], Reason.NOT_JSON if is_closed else Reason.TRUNCATED_PAYLOAD)


def _whole_records(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each object that has `sensordatavalues`, of at most `SALVAGED_CHARACTERS_MAX`.

    Gives up after `FAILURES_MAX` others, or when those were `FAILED_CHARACTERS_MAX` long together.
    """
    at, failures, failed_characters = 0, 0, 0
    while failures < FAILURES_MAX and failed_characters < FAILED_CHARACTERS_MAX:
        found = _OPENING.search(text, at)
        if not found:
            return
        start = found.start()
        is_whole, length = _tried_record(text[start : start + SALVAGED_CHARACTERS_MAX])
        if is_whole:
            yield start, start + length
            at = start + length
        else:
            failures += 1
            failed_characters += length
            at = start + 1


def _tried_record(text: str) -> tuple[bool, int]:
    """Whether a record is at the beginning of the text, and how many characters it took to know."""
    try:
        record, length = _json_decoder.raw_decode(text)
    except json.JSONDecodeError as error:
        return False, error.pos
    except (ValueError, RecursionError):
        return False, len(text)
    return isinstance(record, dict) and "sensordatavalues" in record, length


def _letter_of_rest(rest: str, reason: Reason) -> Iterator[DeadLetter]:
    """A letter of what is more than the list's own brackets and commas."""
    meant = rest.strip(" \t\r\n,[]")
    if meant:
        yield dead_letter(reason, _bytes(meant))


def _is_json(payload: bytes) -> bool:
    try:
        json.loads(payload)
    except (ValueError, RecursionError):
        return False
    return True


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogateescape")

"""Files of sensor.community's archive: one row a reading, `;` between, a header that names the columns.

The kinds of sensors have different columns after the first six; the header's name of such a column is the
`value_type` that the feed has. The archive tells no id of a reading; ours is decision 7 of docs/decisions.
"""

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import NamedTuple

import msgspec

from contracts.dead_letters import DeadLetter, Reason, dead_letter
from contracts.errors import BadInputError
from contracts.measures import HOUSEKEEPING
from scraper.backfill.lines import CutLine
from scraper.parsing import RECORD_BYTES_MAX, Reading, observed_second, parsed_record

SEPARATOR = ";"
TIMESTAMP = "timestamp"
SENSOR_COLUMNS = ("sensor_id", "sensor_type", "location", "lat", "lon")
# Above every id that the service gives in a million years, and of 18 digits, which the job `split` takes for
# plain. The 32 lowest bits are the second, the 26 above them the sensor.
FIRST_ID = 2**59
SECOND_BITS = 32
SENSOR_ID_MAX = 2**26 - 1
SENSORS_MAX = 20_000  # that are kept ready; a file of a month has as many


class _Value(msgspec.Struct, gc=False):
    value: str
    value_type: str


class _SensorType(msgspec.Struct):
    name: str


class _Sensor(msgspec.Struct):
    id: int | str
    sensor_type: _SensorType


class _Location(msgspec.Struct, omit_defaults=True):
    id: int | str = ""
    latitude: str = ""
    longitude: str = ""
    indoor: int | None = None


class _Record(msgspec.Struct, gc=False):
    id: int
    timestamp: str
    location: msgspec.Raw
    sensor: msgspec.Raw
    sensordatavalues: list[_Value]


class _KnownSensor(NamedTuple):
    """What the rows of one sensor at one place have in common: as JSON, and as a reading tells it."""

    location: msgspec.Raw
    sensor: msgspec.Raw
    reading: Reading


_encode = msgspec.json.Encoder().encode


def records_of(
    lines: Iterable[bytes], *, name: str, is_indoor: bool | None, latest_s: float
) -> Iterator[Reading | DeadLetter]:
    """A reading or a dead letter for each row; `is_indoor` is None where nobody knows.

    A last row without a line end may be cut in the middle of a number, so it is set aside.
    Raises BadInputError where the header is none, and at a cut end.
    """
    rows = iter(lines)
    header = next(rows, b"")
    table = _Table(header, name=name, is_indoor=is_indoor, latest_s=latest_s)
    is_cut = False
    for row in rows:
        if not row or row == header:  # files that were put together have it again
            continue
        is_cut = isinstance(row, CutLine)
        try:
            yield dead_letter(Reason.TRUNCATED_PAYLOAD, row) if is_cut else table.reading(row)
        except BadInputError as error:
            yield dead_letter(Reason(error.reason), row)
    if is_cut:
        raise BadInputError("cut_short", f"{name} ends without a line end: its last row is set aside")


def archive_id(sensor_id: int, at_s: int) -> int:
    """The id of a sensor's reading at a Unix second: the same each time, and no other reading's."""
    return FIRST_ID + (sensor_id << SECOND_BITS) + at_s


class _Table:
    """Rows under one header."""

    def __init__(self, header: bytes, *, name: str, is_indoor: bool | None, latest_s: float) -> None:
        columns = header.decode(errors="replace").rstrip("\r").split(SEPARATOR)
        missing = [each for each in (*SENSOR_COLUMNS, TIMESTAMP) if each not in columns]
        if missing:
            raise BadInputError(
                "wrong_header",
                f"{name} is no file of the archive: {', '.join(missing)} not among the columns of its "
                f"first line, {SEPARATOR.join(columns)[:100]!r}",
            )
        self._width = len(columns)
        self._timestamp = columns.index(TIMESTAMP)
        of_sensor = [columns.index(each) for each in SENSOR_COLUMNS]
        self._sensor_cells = itemgetter(*of_sensor)
        # By place and not by name: a GPS has columns lat, lon and timestamp of its own, after these.
        self._values = [
            (index, value_type)
            for index, value_type in enumerate(columns)
            if index not in {*of_sensor, self._timestamp}
        ]
        self._is_indoor, self._latest_s = is_indoor, latest_s
        self._sensors: dict[tuple[str, ...], _KnownSensor] = {}

    def reading(self, row: bytes) -> Reading:
        """The row as a reading; raises BadInputError with the reason of a dead letter."""
        cells = self._cells(row)
        location, sensor, like = self._sensor(cells)
        timestamp = cells[self._timestamp]
        at_s = observed_second(timestamp)
        if at_s > self._latest_s:
            raise BadInputError(Reason.FROM_THE_FUTURE, timestamp)
        values = [_Value(cell, value_type) for index, value_type in self._values if (cell := cells[index])]
        number = archive_id(like.sensor_id, at_s)
        return Reading(
            id=number,
            sensor_id=like.sensor_id,
            observed_at_s=at_s,
            latitude=like.latitude,
            longitude=like.longitude,
            values=len(values),
            ignored=sum(value.value_type in HOUSEKEEPING for value in values),
            sensor_type=like.sensor_type,
            is_indoor=like.is_indoor,
            record=_encode(_Record(number, timestamp, location, sensor, values)),
        )

    def _cells(self, row: bytes) -> list[str]:
        if len(row) > RECORD_BYTES_MAX:
            raise BadInputError(Reason.NOT_A_READING, f"{len(row)} bytes are no reading")
        try:
            cells = row.decode().rstrip("\r").split(SEPARATOR)
        except UnicodeDecodeError as error:
            raise BadInputError(Reason.NOT_A_READING, str(error)) from error
        if len(cells) != self._width:
            raise BadInputError(Reason.NOT_A_READING, f"{len(cells)} cells under {self._width} columns")
        return cells

    def _sensor(self, cells: list[str]) -> _KnownSensor:
        key = self._sensor_cells(cells)
        known = self._sensors.get(key)
        if known is None:
            known = self._new_sensor(cells[self._timestamp], *key)
            if len(self._sensors) == SENSORS_MAX:
                self._sensors.clear()
            self._sensors[key] = known
        return known

    def _new_sensor(
        self, timestamp: str, sensor_id: str, sensor_type: str, location_id: str, lat: str, lon: str
    ) -> _KnownSensor:
        """Asked as a record of the feed, so that both doors understand the same."""
        indoor = None if self._is_indoor is None else int(self._is_indoor)
        place = _Location(id=_number(location_id), latitude=lat, longitude=lon, indoor=indoor)
        location = msgspec.Raw(_encode(place))
        sensor = msgspec.Raw(_encode(_Sensor(_number(sensor_id), _SensorType(sensor_type))))
        reading = parsed_record(_encode(_Record(0, timestamp, location, sensor, [])), latest_s=self._latest_s)
        if reading.sensor_id > SENSOR_ID_MAX:
            raise BadInputError(Reason.NOT_A_READING, f"{sensor_id} is no sensor's id")
        return _KnownSensor(location, sensor, reading)


def _number(cell: str) -> int | str:
    """The cell as the feed writes ids; what is none stays as it is."""
    return int(cell) if cell.isascii() and cell.isdigit() and len(cell) < 19 else cell

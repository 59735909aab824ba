"""From records to lines of InfluxDB, and to dead letters for what makes no line."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import msgspec

from collector.series_guard import SeriesGuard
from contracts.dead_letters import DeadLetter, Reason, dead_letter
from contracts.errors import BadInputError
from contracts.line_protocol import Line
from contracts.points import STORED_BY_TOPIC, Placed, Stored
from contracts.stored import AIR_VALUES, RETENTION_S_BY_BUCKET
from runtime.log_interfaces import Partition, Records

# The broker refuses what is dated more than an hour ahead of it; clocks differ by less than another.
AHEAD_S_MAX = 2 * 3600


class Period(NamedTuple):
    """The moments, Unix seconds, that a bucket is asked to keep."""

    start_s: float
    end_s: float


Periods = Mapping[str, Period]  # by bucket


@dataclass(slots=True)
class Lines:
    """Lines for one bucket, column by column: series, text, its moment, and the record that it was made of.

    A record that makes several lines stands beside each of them.
    """

    series: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    moments: list[int] = field(default_factory=list)
    partitions: list[Partition] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.texts)

    def extend(self, other: "Lines") -> None:
        """Take in the other's lines, behind ours."""
        for column, more in zip(self._columns(), other._columns(), strict=True):
            column.extend(more)

    def picked(self, numbers: Iterable[int]) -> "Lines":
        """The lines of these numbers."""
        numbers = list(numbers)
        return Lines(*([column[number] for number in numbers] for column in self._columns()))

    def without(self, numbers: Iterable[int]) -> "Lines":
        """The lines but those of these numbers."""
        left_out = set(numbers)
        return self.picked(number for number in range(len(self)) if number not in left_out)

    def cut(self, start: int, stop: int) -> "Lines":
        """The lines from number `start` to before `stop`."""
        return Lines(*(column[start:stop] for column in self._columns()))

    def letters(self, reason: Reason) -> list[DeadLetter]:
        """A dead letter for each record: however many of its lines the store will not take."""
        records = dict.fromkeys(zip(self.partitions, self.offsets, self.values, strict=True))
        return [_letter(reason, partition, offset, value) for partition, offset, value in records]

    def _columns(self) -> tuple[list[Any], ...]:
        return self.series, self.texts, self.moments, self.partitions, self.offsets, self.values


class Made(NamedTuple):
    """What records became."""

    lines_by_bucket: Mapping[str, Lines]
    letters: list[DeadLetter]


def kept_periods(now_s: float) -> dict[str, Period]:
    """For each bucket from the end of its retention to a little ahead of `now_s`."""
    return {
        bucket: Period(now_s - retention_s, now_s + AHEAD_S_MAX)
        for bucket, retention_s in RETENTION_S_BY_BUCKET.items()
    }


def made_of(
    polled: Mapping[Partition, Records],
    periods: Periods,
    guards: Mapping[str, SeriesGuard],
    placed: Placed | None = None,
) -> Made:
    """Lines for each record, or a dead letter where there can be none; one never costs another.

    `placed` has the readings whose position was written before (see `contracts.points.value_lines`).
    """
    placed = Placed() if placed is None else placed
    made = Made(defaultdict(Lines), [])
    for partition, records in polled.items():
        stored = STORED_BY_TOPIC[partition.topic]
        bucket = stored.bucket.name
        is_of_readings = stored.measurements == (AIR_VALUES,)
        lines_of = partial(stored.lines, placed=placed) if is_of_readings else stored.lines
        lines = _lines(partition, records, stored, lines_of, periods[bucket], made.letters)
        made.lines_by_bucket[bucket].extend(_admitted(lines, guards[bucket], made.letters))
    return made


def _lines(
    partition: Partition,
    records: Records,
    stored: Stored[Any],
    lines_of: Callable[[Any], list[Line]],
    period: Period,
    letters: list[DeadLetter],
) -> Lines:
    # The one loop that each value goes through: names are bound and lists filled outside of objects.
    decode, moment_of, (start_s, end_s) = stored.topic.decode, stored.moment_s, period
    made = Lines()
    all_series, texts, moments = made.series, made.texts, made.moments
    offsets, values = made.offsets, made.values
    for offset, value in zip(records.offsets, records.values, strict=True):
        try:
            message = decode(value or b"")
            moment = moment_of(message)
            if not start_s <= moment <= end_s:
                reason = Reason.OUTSIDE_RETENTION if moment < start_s else Reason.FROM_THE_FUTURE
                letters.append(_letter(reason, partition, offset, value))
                continue
            written = lines_of(message)
        except BadInputError as error:
            letters.append(_letter(Reason(error.reason), partition, offset, value))
            continue
        for series, text in written:
            all_series.append(series)
            texts.append(text)
            moments.append(moment)
            offsets.append(offset)
            values.append(value)
    made.partitions = [partition] * len(texts)
    return made


def _admitted(lines: Lines, guard: SeriesGuard, letters: list[DeadLetter]) -> Lines:
    refused = guard.refused(lines.series)
    if not refused:
        return lines
    letters += lines.picked(refused).letters(Reason.TOO_MANY_SERIES)
    return lines.without(refused)


class _Sensor(msgspec.Struct):
    sensor_id: int | None = None


_decode_sensor = msgspec.json.Decoder(_Sensor).decode


def _letter(reason: Reason, partition: Partition, offset: int, value: bytes | None) -> DeadLetter:
    source = (partition.topic, partition.number, offset)
    return dead_letter(reason, value or b"", source=source, sensor_id=_sensor_id(value or b""))


def _sensor_id(value: bytes) -> int | None:
    try:
        return _decode_sensor(value).sensor_id
    except (msgspec.MsgspecError, ValueError):
        return None

"""From records to lines of InfluxDB, and to dead letters for what makes no line."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from contracts.dead_letters import DeadLetter, Reason, dead_letter
from contracts.errors import BadInputError
from contracts.measure_values import MeasureValue
from contracts.measures import MEASURE_BY_NAME, Measure
from contracts.points import value_lines
from contracts.topics import MEASURE_TOPICS, Topic
from runtime.log_interfaces import Partition, Record

# The broker refuses what is dated more than an hour ahead of it; clocks differ by less than another.
AHEAD_S_MAX = 2 * 3600

MEASURE_BY_TOPIC: dict[str, tuple[Topic[MeasureValue], Measure]] = {
    topic.name: (topic, MEASURE_BY_NAME[name]) for name, topic in MEASURE_TOPICS.items()
}


class Line(NamedTuple):
    """One line of the store's protocol, and the record that it was made of."""

    text: str
    observed_at_s: int
    sensor_id: int
    partition: Partition
    record: Record


class Period(NamedTuple):
    """The observation times, Unix seconds, that the store is asked to keep."""

    start_s: float
    end_s: float


def kept_period(*, now_s: float, retention_s: float) -> Period:
    """From the end of retention to a little ahead of `now_s`."""
    return Period(now_s - retention_s, now_s + AHEAD_S_MAX)


def lines_and_letters(
    polled: Mapping[Partition, Sequence[Record]], period: Period
) -> tuple[list[Line], list[DeadLetter]]:
    """A line for each record, or a dead letter where there can be none; one never costs another."""
    lines: list[Line] = []
    letters: list[DeadLetter] = []
    for partition, records in polled.items():
        topic, measure = MEASURE_BY_TOPIC[partition.topic]
        for record in records:
            made = _line_or_letter(record, partition, topic, measure, period)
            if isinstance(made, Line):
                lines.append(made)
            else:
                letters.append(made)
    return lines, letters


def reason_against(message: MeasureValue, period: Period) -> Reason | None:
    """Why a message can make no line; None where it can."""
    numbers = (message.value, message.lat or 0.0, message.lon or 0.0)
    if not all(map(math.isfinite, numbers)):
        return Reason.NOT_A_NUMBER
    if message.observed_at_s < period.start_s:
        return Reason.OUTSIDE_RETENTION
    if message.observed_at_s > period.end_s:
        return Reason.FROM_THE_FUTURE
    return None


def letter_of(line: Line, reason: Reason) -> DeadLetter:
    """The dead letter of a line that the store will not take."""
    return _letter(reason, line.partition, line.record, line.sensor_id)


def _line_or_letter(
    record: Record, partition: Partition, topic: Topic[MeasureValue], measure: Measure, period: Period
) -> Line | DeadLetter:
    try:
        message = topic.decode(record.value or b"")
    except BadInputError:
        return _letter(Reason.UNDECODABLE, partition, record)
    reason = reason_against(message, period)
    if reason is not None:
        return _letter(reason, partition, record, message.sensor_id)
    [text] = value_lines(measure)(message)
    return Line(text, message.observed_at_s, message.sensor_id, partition, record)


def _letter(reason: Reason, partition: Partition, record: Record, sensor_id: int | None = None) -> DeadLetter:
    source = (partition.topic, partition.number, record.offset)
    return dead_letter(reason, record.value or b"", source=source, sensor_id=sensor_id)

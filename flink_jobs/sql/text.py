"""Pieces of SQL: literals, tables, lookups by value type, conditions that NULL and NaN do not fool."""

from collections.abc import Callable, Iterable
from enum import IntFlag
from typing import NamedTuple

from contracts.measures import MEASURES, Measure
from flink_jobs.connectors import Connection
from flink_jobs.sql.timing import Period

# Finite: NaN and the infinities that "1e400" becomes are outside.
FINITE = "BETWEEN -1E300 AND 1E300"


class Table(NamedTuple):
    """A source or a sink: its columns, and how it is connected."""

    name: str
    columns: tuple[str, ...]
    options: dict[str, str]

    @property
    def sql(self) -> str:
        """The CREATE statement."""
        columns = ",\n  ".join(self.columns)
        options = ",\n  ".join(f"{text(key)} = {text(value)}" for key, value in self.options.items())
        return f"CREATE TEMPORARY TABLE {self.name} (\n  {columns}\n) WITH (\n  {options}\n)"


def table(name: str, columns: Iterable[str], connection: Connection, *, watermark: str = "") -> Table:
    """A table of `columns` and what its connection adds."""
    own = (*columns, *connection.columns, *([watermark] if watermark else []))
    return Table(name, own, connection.options)


class Step(NamedTuple):
    """A named view with one purpose; later steps read it by its name."""

    name: str
    query: str


def text(value: str) -> str:
    """A literal of text."""
    return "'" + value.replace("'", "''") + "'"


def number(value: float) -> str:
    """A DOUBLE literal; without the exponent it would be a DECIMAL."""
    return f"{value!r}E0"


def minutes(count: int) -> str:
    """An interval, up to 99 days; Flink takes no number of more than two digits."""
    days, hours, rest = count // 1440, count // 60 % 24, count % 60
    return f"INTERVAL '{days:02} {hours:02}:{rest:02}' DAY TO MINUTE"


def value_type_case(result: Callable[[Measure], str | None], *, value_type: str = "value_type") -> str:
    """A CASE over the upstream value types; a measure whose `result` is None, or no measure, gives NULL."""
    return _case(value_type, ((u, result(measure)) for measure in MEASURES for u in measure.upstream))


def measure_case(result: Callable[[Measure], str | None], *, measure: str = "measure") -> str:
    """A CASE over the names of measures; a measure whose `result` is None gives NULL."""
    return _case(measure, ((each.name, result(each)) for each in MEASURES))


def number_or_none(value: float | None) -> str | None:
    """A DOUBLE literal, or None for a CASE that has no such branch."""
    return None if value is None else number(value)


def flag_when(condition: str, flag: IntFlag) -> str:
    """The flag's bit where the condition holds; 0 where it does not or is unknown."""
    return f"CASE WHEN {condition} THEN {flag.value} ELSE 0 END"


def within(period: Period | None) -> str:
    """True where `event_time` is in the period."""
    if period is None:
        return "TRUE"
    return f"{since(period.from_s)} AND event_time < {_moment(period.to_s)}"


def since(at_s: int | None) -> str:
    """True where `event_time` is at a Unix time or after."""
    return "TRUE" if at_s is None else f"event_time >= {_moment(at_s)}"


def is_whole(expression: str) -> str:
    """True where a text is a whole number of 64 bits in plain decimal form, else false or unknown."""
    return f"CAST(TRY_CAST({expression} AS BIGINT) AS STRING) = {expression}"


def _moment(at_s: int) -> str:
    return f"TO_TIMESTAMP_LTZ({at_s * 1000}, 3)"


def _case(subject: str, branches: Iterable[tuple[str, str | None]]) -> str:
    cases = [f"WHEN {text(name)} THEN {answer}" for name, answer in branches if answer is not None]
    return f"CASE {subject} {' '.join(cases)} END"

"""A series as a person sees it: in one line each, and the newest rows of a single sensor."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from luftstrom.row_output import iso
from luftstrom.screen import out, show_line, shown
from runtime.air_query import AirQuery, Answer
from runtime.sensor_stations import Station

BARS = "▁▂▃▄▅▆▇█"
BINS = 48
SERIES_SHOWN = 30
ROWS_SHOWN = 12
STATIONS_SHOWN = 50


@dataclass(slots=True)
class Series:
    """One sensor's values, summed up as they pass by; `bins` are sum and count by part of the span."""

    place: str
    count: int = 0
    total: float = 0.0
    low: float = float("inf")
    high: float = float("-inf")
    last: float = 0.0
    bins: dict[int, tuple[float, int]] = field(default_factory=dict)

    def add(self, value: float, part: int) -> None:
        """Take one value, of that part of the span."""
        self.count, self.total, self.last = self.count + 1, self.total + value, value
        self.low, self.high = min(self.low, value), max(self.high, value)
        total, count = self.bins.get(part, (0.0, 0))
        self.bins[part] = (total + value, count + 1)

    @property
    def sparkline(self) -> str:
        """A bar for each part of the span; a space where there is nothing."""
        means = {part: total / count for part, (total, count) in self.bins.items()}
        return sparkline([means.get(part) for part in range(BINS)])


def sparkline(values: Iterable[float | None]) -> str:
    """A bar a value, from the lowest to the highest of them."""
    listed = list(values)
    known = [value for value in listed if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    step = (high - low) / (len(BARS) - 1) or 1.0
    return "".join(" " if value is None else BARS[round((value - low) / step)] for value in listed)


def series_of(rows: Iterable[Mapping[str, Any]], query: AirQuery) -> tuple[dict[str, Series], deque[Any]]:
    """Every sensor's series, and the newest rows of all; however many rows there are, little is kept."""
    by_sensor: dict[str, Series] = {}
    newest: deque[Any] = deque(maxlen=ROWS_SHOWN)
    for row in rows:
        newest.append(row)
        place = ", ".join(part for part in (row["city"], row["country"]) if part)
        series = by_sensor.setdefault(row["sensor_id"], Series(place))
        if row["value"] is not None:
            part = (row["time"] - query.from_s) * BINS // (query.to_s - query.from_s)
            series.add(float(row["value"]), part)
    return by_sensor, newest


def show_series(answer: Answer, query: AirQuery) -> int:
    """A row a sensor, and of a single one its newest rows; how many sensors there are."""
    by_sensor, newest = series_of(answer.rows, query)
    title = f"{query.measure.name}, {query.measure.unit}: {iso(query.from_s)} to {iso(query.to_s)}"
    table = Table("sensor", "place", "values", "lowest", "mean", "highest", "last", "course", title=title)
    for column in table.columns[2:7]:
        column.justify = "right"
    table.columns[7].no_wrap = True
    for sensor_id, each in list(by_sensor.items())[:SERIES_SHOWN]:
        numbers = (each.low, each.total / each.count, each.high, each.last) if each.count else ()
        shown_numbers = [f"{number:.1f}" for number in numbers] or [""] * 4
        table.add_row(sensor_id, shown(each.place), f"{each.count:,}", *shown_numbers, each.sparkline)
    out.print(table)
    if len(by_sensor) > SERIES_SHOWN:
        show_line(f"and {len(by_sensor) - SERIES_SHOWN:,} more sensors; --as csv has all")
    if len(by_sensor) == 1:
        _show_rows(newest, answer.columns)
    show_line(f"resolution {answer.resolution} (--resolution chooses another); --as csv, json, parquet")
    return len(by_sensor)


def show_stations(found: list[Station]) -> None:
    """A row a sensor."""
    table = Table("sensor", "type", "place", "lat", "lon", "km away", "last seen")
    for each in found[:STATIONS_SHOWN]:
        table.add_row(
            str(each.sensor_id),
            shown(each.sensor_type) + (" indoor" if each.is_indoor else ""),
            shown(", ".join(part for part in (each.city, each.country) if part) or "unknown place"),
            f"{each.lat:.3f}",
            f"{each.lon:.3f}",
            "" if each.distance_km is None else f"{each.distance_km:.1f}",
            iso(each.last_seen_at_s),
        )
    out.print(table)
    more = len(found) - STATIONS_SHOWN
    show_line(f"{len(found):,} sensors" + (f"; --as csv has the other {more:,}" if more > 0 else ""))


def _show_rows(rows: Iterable[Mapping[str, Any]], columns: tuple[str, ...]) -> None:
    table = Table("time", *columns, title="the newest of them")
    for row in rows:
        table.add_row(iso(row["time"]), *("" if row[name] is None else f"{row[name]:g}" for name in columns))
    out.print(table)

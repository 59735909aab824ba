"""What is forecast for a place, as the store has it."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from contracts.forecasts import HORIZON_H
from contracts.measures import MEASURES, Measure
from contracts.stored import FORECAST
from luftstrom.air import PlaceAir
from runtime.air_query import quoted
from runtime.influx_reader import InfluxReader

HOUR_S = 3600
AHEAD_H = (1, 6, 12, 23)
FIRST_LIMIT_S = 90.0
FIRST_EVERY_S = 2.0

Band = tuple[float, float, float]  # 10, 50 and 90 percent


@dataclass(frozen=True, slots=True)
class Outlook:
    """One measure of one place: the medians of its sensors' bands by hours ahead of now; by what methods."""

    country: str
    city: str
    measure: Measure
    band_by_ahead_h: dict[int, Band]
    sensors_by_method: Counter[str]


def outlooks(influx: InfluxReader, places: Iterable[PlaceAir], *, now_s: float) -> list[Outlook]:
    """For each place and measure that is forecast; the newest issue of each sensor counts."""
    hour_s = int(now_s) // HOUR_S * HOUR_S
    rows_by_key: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for place in places:
        for row in influx.query(FORECAST.name, _bands_of(place, hour_s)):
            rows_by_key[place.country, place.city, row["measure"]].append(row)
    return [
        _outlook(country, city, measure, rows_by_key[country, city, measure.name], hour_s)
        for country, city in dict.fromkeys(key[:2] for key in rows_by_key)
        for measure in MEASURES
        if (country, city, measure.name) in rows_by_key
    ]


def first_outlooks(
    influx: InfluxReader, places: Iterable[PlaceAir], *, clock: Callable[[], float] = time.time
) -> list[Outlook]:
    """The outlooks once the predictor's first issue is whole; none where it does not come in time."""
    ends_at_s, before, places = clock() + FIRST_LIMIT_S, 0, list(places)
    while True:
        found = outlooks(influx, places, now_s=clock())
        if (found and len(found) == before) or clock() > ends_at_s:
            return found
        before = len(found)
        time.sleep(FIRST_EVERY_S)


def _bands_of(place: PlaceAir, hour_s: int) -> str:
    until_s = hour_s + (HORIZON_H + 1) * HOUR_S
    return (
        "SELECT q10, q50, q90, issued_at FROM forecast "  # noqa: S608 - names of our own table
        f"WHERE time >= {hour_s}s AND time < {until_s}s "
        f"AND country = {quoted(place.country)} AND city = {quoted(place.city)} "
        "GROUP BY sensor_id, measure, method"
    )


def _outlook(
    country: str, city: str, measure: Measure, rows: Iterable[dict[str, Any]], hour_s: int
) -> Outlook:
    newest: dict[tuple[str, int], dict[str, Any]] = {}
    for row in rows:
        key = row["sensor_id"], row["time"]
        if key not in newest or row["issued_at"] > newest[key]["issued_at"]:
            newest[key] = row
    bands = {
        ahead_h: [
            (row["q10"], row["q50"], row["q90"])
            for row in newest.values()
            if row["time"] == hour_s + ahead_h * HOUR_S
        ]
        for ahead_h in AHEAD_H
    }
    method_by_sensor = {sensor_id: row["method"] for (sensor_id, _), row in newest.items()}
    return Outlook(
        country,
        city,
        measure,
        {ahead_h: _medians(each) for ahead_h, each in bands.items() if each},
        Counter(method_by_sensor.values()),
    )


def _medians(bands: list[Band]) -> Band:
    low, middle, high = (median(column) for column in zip(*bands, strict=True))
    return low, middle, high

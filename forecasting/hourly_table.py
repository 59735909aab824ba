"""Hourly means on a whole grid of hours: what every model reads, in training and in serving alike.

The rule of an hour has one home: the mean of the values without a harmful flag, as `aggregate` publishes
it in aggregates-1h-v1, if at least `READINGS_MIN` went into it; else the hour is missing.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]
Booleans = npt.NDArray[np.bool_]

HOUR_S = 3600
READINGS_MIN = 5  # of about 25: a sensor of the network sends every 145 s
STUCK_HOURS_MAX = 6
FOG_PCT = 99.9  # humidity may stand there for days
PLACE_DECIMALS = 5


@dataclass(frozen=True, slots=True)
class HourlyRows:
    """Rows of the hourly aggregates of any measures, one array a column, all of one length.

    `mean` is in the unit of the measure; `count` is how many values went into it; a position may be NaN.
    """

    measure: npt.NDArray[np.str_]
    sensor_id: Integers
    starts_at_s: Integers
    mean: Floats
    count: Integers
    lat: Floats
    lon: Floats

    def of(self, measure: str) -> "HourlyRows":
        """The rows of one measure that the rule of an hour lets in."""
        return self.where((self.measure == measure) & (self.count >= READINGS_MIN) & np.isfinite(self.mean))

    def where(self, chosen: Booleans) -> "HourlyRows":
        """The chosen rows."""
        return HourlyRows(*(getattr(self, name)[chosen] for name in self.__slots__))

    def __len__(self) -> int:
        return len(self.sensor_id)


@dataclass(frozen=True, slots=True)
class HourlyTable:
    """Hourly means of one measure, beside what other sensors measure at the same places.

    `values` and each of `covariates` is (series, hours) in the unit of its measure, NaN where missing;
    column 0 is the hour that starts at `starts_at_s`. A series is a sensor at a place.
    """

    measure: str
    starts_at_s: int
    sensor_ids: Integers
    lat: Floats
    lon: Floats
    values: Floats
    covariates: dict[str, Floats] = field(default_factory=dict)

    @property
    def hours(self) -> int:
        """How many hours the table spans."""
        return int(self.values.shape[1])

    @property
    def places(self) -> Integers:
        """One number a series: equal where the positions are, (series,)."""
        return place_ids(self.lat, self.lon)

    def hour_starts_s(self) -> Integers:
        """Unix seconds of the start of each hour, (hours,)."""
        return self.starts_at_s + HOUR_S * np.arange(self.hours, dtype=np.int64)

    def column(self, at_s: int) -> int:
        """The column of the hour that starts at `at_s`, which may lie outside of the table."""
        return (at_s - self.starts_at_s) // HOUR_S

    def series(self, chosen: Integers | Booleans) -> "HourlyTable":
        """The same table of some of its series."""
        return HourlyTable(
            self.measure, self.starts_at_s, self.sensor_ids[chosen], self.lat[chosen], self.lon[chosen],
            self.values[chosen], {name: each[chosen] for name, each in self.covariates.items()},
        )  # fmt: skip

    def between(self, first: int, last: int) -> "HourlyTable":
        """The same table of the columns from `first` to before `last`."""
        return HourlyTable(
            self.measure, self.starts_at_s + first * HOUR_S, self.sensor_ids, self.lat, self.lon,
            self.values[:, first:last], {name: each[:, first:last] for name, each in self.covariates.items()},
        )  # fmt: skip

    def where_they_are(self) -> "HourlyTable":
        """Each sensor once: at the place where it measured last."""
        observed = np.isfinite(self.values)
        last = np.where(observed.any(axis=1), self.hours - observed[:, ::-1].argmax(axis=1), 0)
        newest_first = np.lexsort((-last, self.sensor_ids))
        _, first = np.unique(self.sensor_ids[newest_first], return_index=True)
        return self.series(np.sort(newest_first[first]))


def hourly_table(
    rows: HourlyRows, measure: str, *, covariates: tuple[str, ...], starts_at_s: int, hours: int
) -> HourlyTable:
    """The table of one measure from rows of it and of its covariates; hours outside of it are left out."""
    own = _within(rows.of(measure), starts_at_s, hours)
    series, index = _series_of(own)
    values = _grid(own, index, len(series), starts_at_s, hours)
    lat, lon = own.lat[series], own.lon[series]
    places = place_ids(lat, lon)
    return HourlyTable(
        measure, starts_at_s, own.sensor_id[series].astype(np.int64), lat.astype(np.float64),
        lon.astype(np.float64), without_stuck(values, measure),
        {name: _at_places(_within(rows.of(name), starts_at_s, hours), name, places, starts_at_s, hours)
         for name in covariates},
    )  # fmt: skip


def place_ids(lat: Floats, lon: Floats) -> Integers:
    """One number a position, equal where positions are; -1 where there is none."""
    known = np.isfinite(lat) & np.isfinite(lon)
    scale = 10**PLACE_DECIMALS
    north = np.rint((np.where(known, lat, 0.0).astype(np.float64) + 90) * scale).astype(np.int64)
    east = np.rint((np.where(known, lon, 0.0).astype(np.float64) + 180) * scale).astype(np.int64)
    return np.where(known, north * (400 * scale) + east, -1)


def without_stuck(values: Floats, measure: str) -> Floats:
    """The same values without those that stand still for more than `STUCK_HOURS_MAX` hours."""
    run = np.ones(values.shape, dtype=np.int32)
    for hour in range(1, values.shape[1]):
        still = values[:, hour] == values[:, hour - 1]
        run[:, hour] = np.where(still, run[:, hour - 1] + 1, 1)
    longest = run.copy()
    for hour in range(values.shape[1] - 2, -1, -1):
        still = run[:, hour + 1] > 1
        longest[:, hour] = np.where(still, longest[:, hour + 1], run[:, hour])
    is_fog = values >= FOG_PCT if measure == "humidity" else np.zeros(values.shape, dtype=bool)
    return np.where((longest > STUCK_HOURS_MAX) & ~is_fog, np.nan, values)


def _within(rows: HourlyRows, starts_at_s: int, hours: int) -> HourlyRows:
    column = (rows.starts_at_s - starts_at_s) // HOUR_S
    return rows.where((column >= 0) & (column < hours))


def _series_of(rows: HourlyRows) -> tuple[Integers, Integers]:
    """The first row of each sensor at each place, and of each row which of them it belongs to."""
    keys = np.stack([rows.sensor_id.astype(np.int64), place_ids(rows.lat, rows.lon)], axis=1)
    _, first, index = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return first, index.reshape(-1)


def _grid(rows: HourlyRows, index: Integers, series: int, starts_at_s: int, hours: int) -> Floats:
    """Means of the rows on the grid, (series, hours); of several rows of one cell their mean."""
    cell = index * hours + (rows.starts_at_s - starts_at_s) // HOUR_S
    total = np.bincount(cell, weights=rows.mean, minlength=series * hours)
    number = np.bincount(cell, minlength=series * hours)
    means = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    return means.reshape(series, hours).astype(np.float32)


def _at_places(rows: HourlyRows, name: str, places: Integers, starts_at_s: int, hours: int) -> Floats:
    """What is measured at each of the places, (places, hours)."""
    known, index = np.unique(places[places >= 0], return_inverse=True)
    at = place_ids(rows.lat, rows.lon)
    position = np.searchsorted(known, at)
    found = (
        (position < len(known)) & (known[np.minimum(position, max(len(known) - 1, 0))] == at)
        if len(known)
        else at < 0
    )
    chosen = rows.where(found & (at >= 0))
    means = without_stuck(_grid(chosen, position[found & (at >= 0)], len(known), starts_at_s, hours), name)
    here = np.full((len(places), hours), np.nan, dtype=np.float32)
    here[places >= 0] = means[index]
    return here

"""Which forecasts are trained on, validated on, tested on: rolling origins, purged where they would touch.

An example is (series, column): the row of the table, and the column of the first hour that is forecast.
"""

from dataclasses import dataclass

import numpy as np

from contracts.forecasts import HORIZON_H
from forecasting.baselines import WEEK_H
from forecasting.features import OBSERVED_MIN
from forecasting.hourly_table import Booleans, Floats, HourlyTable, Integers


@dataclass(frozen=True, slots=True)
class Examples:
    """Rolling origins, of `n` forecasts; `series`, `columns` (n,)."""

    series: Integers
    columns: Integers

    def __len__(self) -> int:
        return len(self.series)

    def where(self, chosen: Booleans | Integers | slice) -> "Examples":
        """The chosen ones."""
        return Examples(self.series[chosen], self.columns[chosen])


def origins(
    values: Floats, *, series: Booleans, first: int, end: int, step: int, week_share_min: float = 0.0
) -> Examples:
    """Every `step`-th column from `first` on with its whole horizon before `end`, of the series.

    Wants `OBSERVED_MIN` observed hours of the day before, `week_share_min` of the week before, one truth.
    """
    columns = np.arange(first, max(first, end - HORIZON_H + 1), step)
    if not len(columns) or not series.any():
        return Examples(np.zeros(0, np.int64), np.zeros(0, np.int64))
    rows = np.flatnonzero(series)
    known = np.isfinite(values[rows])
    day = _counts(known, columns - 24, columns) >= OBSERVED_MIN
    week = _counts(known, columns - WEEK_H, columns) >= week_share_min * WEEK_H
    came = _counts(known, columns, columns + HORIZON_H) > 0
    row, number = np.nonzero(day & week & came)
    return Examples(rows[row], columns[number])


def _counts(known: Booleans, first: Integers, end: Integers) -> Integers:
    """How many hours are known from each `first` to before each `end`, (series, len(first))."""
    summed = np.pad(np.cumsum(known, axis=1), ((0, 0), (1, 0)))
    return np.asarray(
        summed[:, np.clip(end, 0, known.shape[1])] - summed[:, np.clip(first, 0, known.shape[1])]
    )


@dataclass(frozen=True, slots=True)
class Split:
    """Examples for training and validation; no truth of one is in the other's windows to come.

    `known` is all there is before the test, for a network that is not validated on any of it.
    """

    train: Examples
    validation: Examples
    known: Examples


def split_by_time(
    table: HourlyTable, *, series: Booleans, validation_from_s: int, until_s: int, validation_step: int
) -> Split:
    """Train on what is before `validation_from_s`, validate on what is from then to before `until_s`."""
    begin, end = table.column(validation_from_s), table.column(until_s)
    train = origins(table.values, series=series, first=24, end=begin, step=1)
    validation = origins(table.values, series=series, first=begin, end=end, step=validation_step)
    return Split(train, validation, origins(table.values, series=series, first=24, end=end, step=1))


def split_by_month_ends(
    table: HourlyTable, *, series: Booleans, year_from_s: int, until_s: int, first_day: int, step: int
) -> Split:
    """Validate on the last days of each month from `year_from_s` on, so on every season; train on the rest.

    A forecast that touches a validation day is not trained on.
    """
    starts = table.hour_starts_s().astype("datetime64[s]")
    day = (starts.astype("datetime64[D]") - starts.astype("datetime64[M]").astype("datetime64[D]")).astype(
        int
    ) + 1
    year, end = table.column(year_from_s), table.column(until_s)
    every = origins(table.values, series=series, first=WEEK_H, end=end, step=1)
    is_kept = (np.arange(table.hours) >= year) & (np.arange(table.hours) < end) & (day >= first_day)
    kept = np.pad(np.cumsum(is_kept), (1, 0))
    touched = kept[np.minimum(every.columns + HORIZON_H, table.hours)] - kept[every.columns]
    validation = every.where(touched == HORIZON_H)
    return Split(every.where(touched == 0), validation.where(slice(None, None, step)), every)

"""Bands repaired by rolling conformal calibration.

A band that held its share of truths when the model was trained does not hold it in every season. Of the last
60 days it is kept how far each truth lay from the median, in parts of the way from the median to each
quantile; a quantile is then moved by so much as would have held its share. The form is that of
`forecasting.calibration`, after conformalised quantile regression (Romano et al. 2019), on the transformed
scale; pooled over sensors, by measure, model and group of horizons. The median stays.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from contracts.forecasts import QUANTILES
from forecasting.calibration import (
    DAYS_KEPT,
    FACTOR_MAX,
    FACTOR_MIN,
    GROUPS,
    MEDIAN,
    TRUTHS_MIN,
    no_factors,
    trusted,
)
from forecasting.hourly_table import Floats, Integers
from forecasting.transforms import restored, transformed

STEP = 0.01
STEPS = round(FACTOR_MAX / STEP) + 1
REACH_MIN = 1e-6

LEVELS = np.array(QUANTILES)
# The share of truths that shall lie on the near side of each quantile, seen from the median.
SHARES = np.maximum(LEVELS, 1 - LEVELS)
SIDES = np.sign(LEVELS - 0.5)

Histogram = NDArray[np.uint32]  # (group of horizons, quantile, step of the score)


@dataclass(slots=True)
class Calibration:
    """Where the truths of the last days lay in the bands of one model of one measure."""

    histogram_by_day: dict[int, Histogram] = field(default_factory=dict)

    def add(self, day: int, bands: Floats, truth: Floats, groups: Integers) -> None:
        """Add the scores of forecasts of one day (days since 1970), and forget what is older than 60 days.

        `bands` (forecasts, quantile) before any repair and `truth` (forecasts,), on the transformed scale;
        `groups` (forecasts,) of their horizons.
        """
        counted = self.histogram_by_day.setdefault(day, _empty())
        steps = (np.clip(_scores(bands, truth), 0.0, FACTOR_MAX) / STEP).round().astype(np.int_)
        for number in range(len(QUANTILES)):
            np.add.at(counted[:, number], (groups, steps[:, number]), 1)
        for old in [each for each in self.histogram_by_day if each <= day - DAYS_KEPT]:
            del self.histogram_by_day[old]

    def factors(self) -> Floats:
        """By how much each quantile's way from the median is to be stretched, (GROUPS, quantiles).

        1 where too little is known.
        """
        days = len(self.histogram_by_day)
        if not days:
            return no_factors()
        found = _factors(np.sum(list(self.histogram_by_day.values()), axis=0))
        return trusted(found, days=days)


def repaired(quantiles: Floats, factors: Floats, *, measure: str) -> Floats:
    """Quantiles (…, quantile) in the unit of the measure, stretched from the median by factors (…, quantile).

    In order and in bounds; as they were where all factors are 1.
    """
    if np.all(factors == 1.0):
        return quantiles
    bands = transformed(quantiles, measure)
    median = bands[..., MEDIAN, None]
    return restored(np.sort(median + (bands - median) * factors, axis=-1), measure).astype(quantiles.dtype)


def _scores(bands: Floats, truth: Floats) -> Floats:
    """How far the truths lie from the median on each quantile's side, in parts of its reach."""
    reach = np.abs(bands - bands[:, MEDIAN : MEDIAN + 1])
    beyond = (truth[:, None] - bands[:, MEDIAN : MEDIAN + 1]) * SIDES
    return beyond / np.maximum(reach, REACH_MIN)


def _empty() -> Histogram:
    return np.zeros((GROUPS, len(QUANTILES), STEPS), dtype=np.uint32)


def _factors(histogram: Integers) -> Floats:
    """The least step that holds the share of all truths, with the correction for a finite sample."""
    counts = histogram.sum(axis=-1)
    wanted = np.ceil(SHARES * (counts + 1))
    step = (np.cumsum(histogram, axis=-1) < wanted[..., None]).sum(axis=-1).clip(0, STEPS - 1)
    factors = np.where(counts >= TRUTHS_MIN, np.clip(step * STEP, FACTOR_MIN, FACTOR_MAX), 1.0)
    factors[:, MEDIAN] = 1.0
    return factors

"""Bands that hold what they promise: split conformal factors by group of horizons and quantile.

The quantiles of a side are moved away from the median, until beyond its outer ones the wanted share of past
truths would have lain.
After conformalised quantile regression (Romano et al. 2019), one-sided, scaled by the band itself.
"""

import numpy as np

from contracts.forecasts import HORIZON_GROUPS, QUANTILES
from forecasting.hourly_table import Floats, Integers

MEDIAN = QUANTILES.index(0.5)
# A band that was too wide is narrowed by a tenth at most: a calm month does not promise a calm one after it.
FACTOR_MIN, FACTOR_MAX = 0.9, 3.0
TRUTHS_MIN = 200  # of a group; fewer tell nothing about its tails
DAYS_KEPT = 60
# The first days tell of one weather: with so many of them a factor has gone half of its way from 1.
HALF_WAY_DAYS = 5
# Of a quantile beside the median the factor is a ratio of two small ways: the outer two tell of their side.
SIDES = (np.arange(MEDIAN), np.arange(MEDIAN + 1, len(QUANTILES)))
OUTER = ([0, 1], [-2, -1])
GROUPS = len(HORIZON_GROUPS)
GROUP_OF_HORIZON: Integers = np.concatenate([
    np.full(last - first + 1, number) for number, (first, last) in enumerate(HORIZON_GROUPS.values())
])  # fmt: skip


def no_factors() -> Floats:
    """Bands left as they are, (GROUPS, len(QUANTILES))."""
    return np.ones((GROUPS, len(QUANTILES)))


def band_factors(quantiles: Floats, truth: Floats) -> Floats:
    """Factors that would have held on these forecasts, (GROUPS, len(QUANTILES)).

    `quantiles` (n, HORIZON_H, len(QUANTILES)) in order, `truth` (n, HORIZON_H), NaN where unknown; on the
    scale on which `widened` is to work.
    """
    factors = no_factors()
    for group in range(GROUPS):
        chosen = group == GROUP_OF_HORIZON
        bands, came = quantiles[:, chosen].reshape(-1, len(QUANTILES)), truth[:, chosen].reshape(-1)
        known = np.isfinite(came)
        if known.sum() >= TRUTHS_MIN:
            factors[group] = [_factor(bands[known], came[known], number) for number in range(len(QUANTILES))]
    return factors


def trusted(factors: Floats, *, days: int) -> Floats:
    """One factor a side that so many days of truths tell of, as far as so few may be believed."""
    believed = np.ones_like(factors)
    for side, outer in zip(SIDES, OUTER, strict=True):
        found = factors[..., outer].mean(axis=-1, keepdims=True)
        believed[..., side] = 1 + (found - 1) * days / (days + HALF_WAY_DAYS)
    return believed


def widened(quantiles: Floats, factors: Floats) -> Floats:
    """Each quantile moved away from the median by its factor; 1 leaves it where it is."""
    median = quantiles[..., MEDIAN : MEDIAN + 1]
    return np.sort(median + (quantiles - median) * factors[GROUP_OF_HORIZON], axis=-1)


def _factor(bands: Floats, came: Floats, number: int) -> float:
    if number == MEDIAN:
        return 1.0
    level = QUANTILES[number]
    reach = np.abs(bands[:, number] - bands[:, MEDIAN])
    beyond = (came - bands[:, MEDIAN]) * (1.0 if level > 0.5 else -1.0)
    score = beyond / np.maximum(reach, 1e-6)
    return float(np.clip(np.quantile(score, max(level, 1 - level)), FACTOR_MIN, FACTOR_MAX))

"""How good forecasts are: pinball loss, MASE, weighted quantile loss, coverage.

Arrays: `quantiles` (n, HORIZON_H, len(QUANTILES)), `truth` (n, HORIZON_H) with NaN where it never came,
`scale` (n,): the mean absolute seasonal naive error of each series. All in the unit of the measure.
MASE: Hyndman & Koehler (2006). WQL: as GIFT-Eval, over the deciles.
"""

from dataclasses import dataclass

import numpy as np

from contracts.forecasts import HORIZON_GROUPS, QUANTILES
from forecasting.hourly_table import Booleans, Floats

MEDIAN = QUANTILES.index(0.5)
DECILES = tuple(number for number, level in enumerate(QUANTILES) if 0.1 <= level <= 0.9)
LOW_80, HIGH_80 = QUANTILES.index(0.1), QUANTILES.index(0.9)
DAY_H = 24


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores over `count` truths; NaN where there was none."""

    count: int
    mase: float
    wql: float
    mae: float
    rmsse: float
    coverage_80: float
    bias: float


def scores(
    quantiles: Floats,
    truth: Floats,
    scale: Floats,
    square_scale: Floats | None = None,
    *,
    chosen: Booleans | None = None,
) -> Scores:
    """Scores of the forecasts, of the `chosen` (n, HORIZON_H) truths alone, if given."""
    known = np.isfinite(truth) & (True if chosen is None else chosen)
    count = int(known.sum())
    if not count:
        return Scores(0, *[float("nan")] * 6)
    came, said = truth[known], quantiles[known]
    error = said[:, MEDIAN] - came
    each_scale = np.broadcast_to(scale[:, None], truth.shape)[known]
    each_square = (
        each_scale if square_scale is None else np.broadcast_to(square_scale[:, None], truth.shape)[known]
    )
    inside = (came >= said[:, LOW_80]) & (came <= said[:, HIGH_80])
    return Scores(
        count,
        float((np.abs(error) / each_scale).mean()),
        float(
            pinball(said, came)[:, DECILES].sum() * 2 / len(DECILES) / np.maximum(np.abs(came).sum(), 1e-9)
        ),
        float(np.abs(error).mean()),
        float(np.sqrt(((error / each_square) ** 2).mean())),
        float(inside.mean()),
        float(error.mean()),
    )


def pinball(said: Floats, came: Floats) -> Floats:
    """Pinball loss of each quantile, (m, len(QUANTILES)); `said` of that shape, `came` (m,)."""
    levels = np.array(QUANTILES)
    error = came[:, None] - said
    return np.maximum(levels * error, (levels - 1) * error)


def in_group(group: str, shape: tuple[int, ...]) -> Booleans:
    """Which horizons a group has, as a mask of the shape (n, HORIZON_H)."""
    first, last = HORIZON_GROUPS[group]
    horizons = np.arange(1, shape[1] + 1)
    return np.broadcast_to((horizons >= first) & (horizons <= last), shape)


def seasonal_scales(values: Floats) -> tuple[Floats, Floats]:
    """Mean absolute and root mean square seasonal naive error of each series, (series,) each.

    A series that cannot tell has the median of those that can.
    """
    change = values[:, DAY_H:] - values[:, :-DAY_H]
    known = np.isfinite(change)
    count = np.maximum(known.sum(axis=1), 1)
    absolute = np.where(known, np.abs(change), 0.0).sum(axis=1) / count
    square = np.sqrt(np.where(known, change**2, 0.0).sum(axis=1) / count)
    return _with_median(absolute), _with_median(square)


def _with_median(scale: Floats) -> Floats:
    usual = np.median(scale[scale > 0]) if (scale > 0).any() else 1.0
    return np.where(scale > 0, scale, usual)

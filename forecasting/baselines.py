"""The forecasters without a network: persistence, seasonal naive, the blend, the trend; what a week tells.

All work on transformed values (`forecasting.transforms`).
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from contracts.forecasts import HORIZON_H, QUANTILES
from forecasting.hourly_table import Booleans, Floats

WEEK_H = 7 * 24
DAYS = 7
DAY_H = 24
CHANGES_H = (1, 2, 3, 4, 6, 8, 12, 18, 23)  # hours before the newest hour
MEDIAN = QUANTILES.index(0.5)


@dataclass(frozen=True, slots=True)
class Recent:
    """What the last seven days of each series tell, of `n` series.

    `last` (n,): the last observed value; `age_h` (n,): how many hours ago that hour began, 1 at least;
    `hour_means` (n, HORIZON_H): the mean of each coming hour of the day, NaN where the week has none;
    `yesterday` (n, HORIZON_H): the same hour a day before, NaN where missing;
    `mean` (n,): the mean of the week's values;
    `changes` (n, len(CHANGES_H) + 1): the value of so many hours ago less the last, then the mean of the day
    less the last; 0 where unknown.
    """

    last: Floats
    age_h: Floats
    hour_means: Floats
    yesterday: Floats
    mean: Floats
    changes: Floats

    def where(self, chosen: Booleans) -> "Recent":
        """The facts of the chosen series."""
        return Recent(*(getattr(self, each.name)[chosen] for each in fields(self)))


def recent(week: Floats) -> Recent:
    """Facts of the hours before the issue; `week` (n, WEEK_H), NaN where missing, newest last.

    Without any value `last` is NaN.
    """
    observed = np.isfinite(week)
    age = observed[:, ::-1].argmax(axis=1)
    last = np.where(observed.any(axis=1), week[np.arange(len(week)), WEEK_H - 1 - age], np.nan)
    yesterday = week[:, -DAY_H:]
    return Recent(last, age + 1.0, hour_means(week), yesterday, _mean(week), _changes(yesterday, last))


def hour_means(week: Floats) -> Floats:
    """The week's mean of each coming hour of the day, (n, HORIZON_H); NaN where it has none."""
    total, count = np.zeros((len(week), DAY_H)), np.zeros((len(week), DAY_H))
    for day in range(0, WEEK_H, DAY_H):
        values = week[:, day : day + DAY_H]
        known = np.isfinite(values)
        total += np.where(known, values, 0.0)
        count += known
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _changes(day: Floats, last: Floats) -> Floats:
    """How the day was before its last value; a missing hour counts as the one before it."""
    observed = np.isfinite(day)
    newest = np.maximum.accumulate(np.where(observed, np.arange(DAY_H), -1), axis=1)
    at = newest[:, DAY_H - 1 - np.array(CHANGES_H)]
    earlier = np.where(at >= 0, np.take_along_axis(day, np.maximum(at, 0), axis=1), np.nan)
    return np.nan_to_num(np.concatenate([earlier, _mean(day)[:, None]], axis=1) - last[:, None])


def _mean(values: Floats) -> Floats:
    """Of each row, of what is observed; NaN where nothing is."""
    observed = np.isfinite(values)
    count = observed.sum(axis=1)
    total = np.where(observed, values, 0.0).sum(axis=1, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A forecaster of three coefficients a horizon: last value, mean of the hour, mean of the week.

    `coefficients` (HORIZON_H, 3); `residuals` (HORIZON_H, len(QUANTILES)): quantiles of truth less forecast.
    Persistence is (1, 0, 0). `is_seasonal` takes yesterday's hour for the last value.
    Unless `is_of_any_level` the third is a constant: of models of before, which knew one city's level.
    `tendency` (HORIZON_H, changes of `Recent`): how it goes on from how it went; of the trend alone.
    """

    name: str
    coefficients: Floats
    residuals: Floats
    is_seasonal: bool = False
    tendency: Floats | None = None
    is_of_any_level: bool = False

    def centre(self, facts: Recent) -> Floats:
        """The point forecast, (n, HORIZON_H); finite wherever one value of the week is."""
        last = np.broadcast_to(facts.last[:, None], facts.hour_means.shape)
        usual = np.where(np.isfinite(facts.hour_means), facts.hour_means, last)
        if self.is_seasonal:
            last = np.where(np.isfinite(facts.yesterday), facts.yesterday, usual)
        of_last, of_usual, rest = self.coefficients.T
        base = facts.mean[:, None] if self.is_of_any_level else np.ones((1, 1))
        level = last * of_last + usual * of_usual + base * rest
        return np.asarray(level if self.tendency is None else level + facts.changes @ self.tendency.T)

    def quantiles(self, facts: Recent) -> Floats:
        """The forecast with its band, (n, HORIZON_H, len(QUANTILES)), in order."""
        return np.sort(self.centre(facts)[:, :, None] + self.residuals[None], axis=-1)


PERSISTENCE, SEASONAL_NAIVE, BLEND, TREND = "persistence", "seasonal-naive", "blend", "trend"
BASELINES = (PERSISTENCE, SEASONAL_NAIVE, BLEND)


def fitted_baseline(name: str, facts: Recent, truth: Floats) -> Baseline:
    """The named baseline with coefficients and residual quantiles of examples; `truth` (n, HORIZON_H)."""
    if name == BLEND:
        coefficients = _blend_coefficients(facts, truth)
    else:
        coefficients = np.tile([1.0, 0.0, 0.0], (HORIZON_H, 1))
    none = np.zeros((HORIZON_H, len(QUANTILES)))
    bare = Baseline(name, coefficients, none, name == SEASONAL_NAIVE, is_of_any_level=name == BLEND)
    error = truth - bare.centre(facts)
    residuals = np.nanquantile(error, QUANTILES, axis=0).T
    if name != BLEND:
        residuals = residuals - residuals[:, MEDIAN : MEDIAN + 1]  # it says its value, and a band around it
    return replace(bare, residuals=residuals)


def fitted_trend(facts: Recent, truth: Floats) -> Baseline:
    """The blend that also knows how the day went, of examples: what networks are anchored on.

    Without residual quantiles, for it is not shown itself.
    """
    usual = np.where(np.isfinite(facts.hour_means), facts.hour_means, facts.last[:, None])
    coefficients, tendency = [], []
    for hour in range(HORIZON_H):
        known = np.isfinite(truth[:, hour]) & np.isfinite(facts.last)
        last = facts.last[known]
        given = np.column_stack([usual[known, hour] - last, np.ones(len(last)), facts.changes[known]])
        of_usual, constant, *rest = np.linalg.lstsq(given, truth[known, hour] - last, rcond=None)[0]
        coefficients.append([1 - of_usual, of_usual, constant])
        tendency.append(rest)
    none = np.zeros((HORIZON_H, len(QUANTILES)))
    return Baseline(TREND, np.array(coefficients), none, tendency=np.array(tendency))


def _blend_coefficients(facts: Recent, truth: Floats) -> Floats:
    """Least squares of each horizon, their sum 1.

    So a place of another level, a mountain's pressure or a desert's heat, is not pulled towards ours.
    """
    usual = np.where(np.isfinite(facts.hour_means), facts.hour_means, facts.last[:, None])
    rows = []
    for hour in range(HORIZON_H):
        known = np.isfinite(truth[:, hour]) & np.isfinite(facts.last)
        given = np.stack([facts.last, usual[:, hour]], axis=1)[known] - facts.mean[known, None]
        of_last, of_usual = np.linalg.lstsq(given, truth[known, hour] - facts.mean[known], rcond=None)[0]
        rows.append([of_last, of_usual, 1 - of_last - of_usual])
    return np.array(rows)

"""How the forecasts for one hour did, now that its truth is known."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from app_predict.issue import Issue, Words
from contracts.forecasts import HORIZON_GROUPS, QUANTILES, ForecastSkill, Method
from forecasting.calibration import GROUP_OF_HORIZON
from forecasting.hourly_table import Booleans, Floats, HourlyTable, Integers
from forecasting.scores import DAY_H, DECILES, HIGH_80, LOW_80, MEDIAN, pinball, seasonal_scales
from forecasting.transforms import plausible


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What was measured in one hour: (sensors,) each, sorted by id; NaN where there is none.

    `seasonal` is the value 24 hours before, `scale` the mean seasonal naive error of the week before.
    """

    valid_at_s: int
    sensor_ids: Integers
    values: Floats
    seasonal: Floats
    scale: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Forecasts beside their truth: (forecasts,) each, and quantiles (forecasts, quantile).

    `quantiles` are the published ones, `before_repair` those of the model.
    """

    methods: Words
    models: Words
    groups: Integers
    truth: Floats
    quantiles: Floats
    before_repair: Floats
    blend: Floats
    last: Floats
    seasonal: Floats
    scale: Floats

    def __len__(self) -> int:
        return len(self.truth)

    def of(self, chosen: Booleans) -> "Scored":
        """Only the chosen forecasts."""
        return Scored(**{name: getattr(self, name)[chosen] for name in Scored.__slots__})


def truth_of(table: HourlyTable, valid_at_s: int) -> Truth:
    """What a table, each sensor once, tells of one of its hours."""
    column = table.column(valid_at_s)
    values = plausible(table.values, table.measure)
    before = column - DAY_H
    missing = np.full(len(table.sensor_ids), np.nan, dtype=np.float32)
    return Truth(
        valid_at_s=valid_at_s,
        sensor_ids=table.sensor_ids,
        values=values[:, column],
        seasonal=values[:, before] if before >= 0 else missing,
        scale=seasonal_scales(values)[0],
    )


def scored(issues: Iterable[Issue], truth: Truth) -> Scored:
    """Every forecast of these issues, of one measure, for the truth's hour, where it was measured."""
    parts = [part for part in (_of_issue(issue, truth) for issue in issues) if part is not None]
    if not parts:
        return _none()
    return Scored(**{
        name: np.concatenate([getattr(part, name) for part in parts]) for name in Scored.__slots__
    })  # fmt: skip


def skills(measure: str, valid_at_s: int, of_hour: Scored) -> Iterator[ForecastSkill]:
    """A message of each method and group of horizons that had a forecast for the hour.

    `model` is that of most of them: after a promotion the older issues are of the model before.
    """
    for method in Method:
        for number, group in enumerate(HORIZON_GROUPS):
            chosen = of_hour.of((of_hour.methods == method.value) & (of_hour.groups == number))
            if len(chosen):
                yield _skill(measure, valid_at_s, method, group, chosen)


def absolute_error(part: Scored) -> Floats:
    """|median - truth| of each forecast."""
    return np.abs(part.quantiles[:, MEDIAN] - part.truth)


def _of_issue(issue: Issue, truth: Truth) -> Scored | None:
    horizon_h = issue.horizon_of(truth.valid_at_s)
    if horizon_h is None:
        return None
    at = np.searchsorted(truth.sensor_ids, issue.sensor_ids).clip(0, max(0, len(truth.sensor_ids) - 1))
    known = np.zeros(len(issue.sensor_ids), dtype=bool)
    if len(truth.sensor_ids):
        known = (truth.sensor_ids[at] == issue.sensor_ids) & np.isfinite(truth.values[at])
    at = at[known]
    return Scored(
        methods=issue.methods[known],
        models=issue.models[known],
        groups=np.full(len(at), GROUP_OF_HORIZON[horizon_h - 1]),
        truth=truth.values[at],
        quantiles=issue.published_at(horizon_h)[known],
        before_repair=issue.quantiles[known, horizon_h - 1],
        blend=issue.blend[known, horizon_h - 1],
        last=issue.last[known],
        seasonal=truth.seasonal[at],
        scale=truth.scale[at],
    )


def _none() -> Scored:
    numbers, words = np.empty(0, dtype=np.float32), np.empty(0, dtype=np.str_)
    rows = np.empty((0, len(QUANTILES)), dtype=np.float32)
    return Scored(
        methods=words, models=words, groups=np.empty(0, dtype=np.int_), truth=numbers, quantiles=rows,
        before_repair=rows, blend=numbers, last=numbers, seasonal=numbers, scale=numbers,
    )  # fmt: skip


def _skill(measure: str, valid_at_s: int, method: Method, group: str, part: Scored) -> ForecastSkill:
    error = absolute_error(part)
    within = (part.quantiles[:, LOW_80] <= part.truth) & (part.truth <= part.quantiles[:, HIGH_80])
    names, counts = np.unique(part.models, return_counts=True)
    return ForecastSkill(
        measure=measure,
        method=method,
        horizon_group=group,
        valid_at_s=valid_at_s,
        model=str(names[counts.argmax()]),
        count=len(part),
        mae=_rounded(error.mean()),
        bias=_rounded((part.quantiles[:, MEDIAN] - part.truth).mean()),
        wql=_wql(part),
        mase=_mean_ratio(error, part.scale),
        coverage_80=_rounded(within.mean()),
        skill_blend=_skill_over(part.blend, part, error),
        skill_naive=_skill_over(part.last, part, error),
        skill_seasonal_naive=_skill_over(part.seasonal, part, error),
    )


def _wql(part: Scored) -> float | None:
    """Mean over 0.1 to 0.9 of twice the pinball loss, over the sum of the truths."""
    total = float(np.abs(part.truth).sum())
    if total == 0.0:
        return None
    loss = pinball(part.quantiles, part.truth)[:, DECILES].sum()
    return _rounded(2 * float(loss) / len(DECILES) / total)


def _mean_ratio(error: Floats, scale: Floats) -> float | None:
    usable = scale > 0
    return _rounded((error[usable] / scale[usable]).mean()) if usable.any() else None


def _skill_over(baseline: Floats, part: Scored, error: Floats) -> float | None:
    known = np.isfinite(baseline)
    total = float(np.abs(baseline[known] - part.truth[known]).sum())
    return _rounded(1 - float(error[known].sum()) / total) if total > 0 else None


def _rounded(value: float) -> float:
    return round(float(value), 4)

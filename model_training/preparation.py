"""From a table and a design to what training needs: the spec with its constants, the blend, the ranges."""

import numpy as np

from forecasting.baselines import Baseline, Recent, fitted_baseline, fitted_trend, recent
from forecasting.card import BaselineCard, TrainingRanges
from forecasting.features import Covariate, FeatureSpec, Surroundings, truths, windows
from forecasting.hourly_table import Booleans, Floats, HourlyTable
from forecasting.transforms import transformed
from model_training.design import FeatureDesign
from model_training.material import Lesson
from model_training.splits import Examples

EXAMPLES_MAX = 8000
RANGE_TAIL = 0.005


def feature_spec(table: HourlyTable, design: FeatureDesign, *, series: Booleans, end: int) -> FeatureSpec:
    """The spec; its constants are of the series and the columns before `end`, and of nothing else."""
    values = transformed(table.values[series, :end], table.measure)
    return FeatureSpec(
        context_h=design.context_h, spread_floor=design.spread_floor,
        level_mean=float(np.nanmean(values)), level_scale=float(np.nanstd(values)) or 1.0,
        is_level_told=design.is_level_told, seasons=design.seasons,
        covariates=tuple(
            _covariate(name, table.covariates[name][series, :end], design) for name in design.covariates
        ),
        neighbours_max=design.neighbours_max, neighbours_radius_km=design.neighbours_radius_km,
        has_quartiles=design.has_quartiles,
    )  # fmt: skip


def _covariate(name: str, values: Floats, design: FeatureDesign) -> Covariate:
    known = transformed(values, name)
    is_centred = name in design.centred
    if not np.isfinite(known).any():
        return Covariate(name, 0.0, 1.0, is_centred)
    mean = 0.0 if is_centred else float(np.nanmean(known))
    spread = known - _running_mean(known, design.context_h) if is_centred else known
    return Covariate(name, mean, float(np.nanstd(spread)) or 1.0, is_centred)


def _running_mean(values: Floats, hours: int) -> Floats:
    """The mean of the window of hours that each hour stands in, whole windows from the first column on."""
    whole = values.shape[1] // hours * hours
    days = values[:, :whole].reshape(len(values), -1, hours)
    known = np.isfinite(days)
    means = np.where(known, days, 0.0).sum(axis=2) / np.maximum(known.sum(axis=2), 1)
    return np.pad(np.repeat(means, hours, axis=1), ((0, 0), (0, values.shape[1] - whole)), mode="edge")


def fitted_on(
    name: str, around: Surroundings, spec: FeatureSpec, train: Examples, *, seed: int = 1
) -> Baseline:
    """A baseline of training examples, at most `EXAMPLES_MAX` of them."""
    drawn = _some(train, np.random.default_rng(seed))
    return fitted_baseline(
        name, facts_of(around, spec, drawn), truths(around.values, drawn.series, drawn.columns)
    )


def fitted_anchor(around: Surroundings, spec: FeatureSpec, train: Examples, *, seed: int = 1) -> Baseline:
    """The trend of training examples, at most `EXAMPLES_MAX` of them."""
    drawn = _some(train, np.random.default_rng(seed))
    return fitted_trend(facts_of(around, spec, drawn), truths(around.values, drawn.series, drawn.columns))


def _some(train: Examples, random: np.random.Generator) -> Examples:
    if len(train) <= EXAMPLES_MAX:
        return train
    return train.where(random.choice(len(train), EXAMPLES_MAX, replace=False))


def facts_of(around: Surroundings, spec: FeatureSpec, examples: Examples) -> Recent:
    """What the week before each example tells."""
    return recent(windows(around, spec, examples.series, examples.columns).week)


def training_ranges(lessons: tuple[Lesson, ...], spec: FeatureSpec, *, seed: int = 1) -> TrainingRanges:
    """From the lowest to the highest of the cities' spans in which 99 % of their training windows lie."""
    random = np.random.default_rng(seed)
    levels: list[float] = []
    spreads: list[float] = []
    for city in lessons:
        read = city.material.features(_some(city.examples, random))
        for found, values in ((levels, read.level), (spreads, read.spread)):
            found.extend(float(each) for each in np.quantile(values, (RANGE_TAIL, 1 - RANGE_TAIL)))
    level = (min(levels), max(levels)) if spec.is_level_told else (float("-1e9"), 1e9)
    return TrainingRanges(level, (min(spreads), max(spreads)))


def baseline_card(baseline: Baseline) -> BaselineCard:
    """The baseline in numbers, at a precision that suffices."""
    return BaselineCard(
        baseline.name, np.round(baseline.coefficients, 7).tolist(), np.round(baseline.residuals, 4).tolist(),
        baseline.is_seasonal, None if baseline.tendency is None else np.round(baseline.tendency, 5).tolist(),
        baseline.is_of_any_level,
    )  # fmt: skip

"""The forecaster of a measure without a champion: the blend, fitted on the hours that were just read."""

import numpy as np

from contracts.forecasts import HORIZON_H
from contracts.measures import MEASURE_BY_NAME
from forecasting.baselines import BLEND, Baseline, fitted_baseline, recent
from forecasting.bundle import ModelBundle
from forecasting.card import BaselineCard, ModelCard
from forecasting.features import FeatureSpec, surroundings, truths, windows
from forecasting.hourly_table import HourlyTable

CONTEXT_H = 24
# The first origin has two days behind it, the last a whole horizon before it.
FIRST_ORIGIN_H, ORIGIN_STEP_H = 48, 5
EXAMPLES_MAX = 4_000
TRUTHS_MIN = 200  # of each horizon; fewer give no coefficients worth showing

SPEC = FeatureSpec(
    context_h=CONTEXT_H,
    spread_floor=0.1,
    level_mean=0.0,
    level_scale=1.0,
    seasons=(),
    neighbours_max=5,
    neighbours_radius_km=25.0,
)


def fitted_blend(table: HourlyTable) -> ModelBundle | None:
    """The blend of this table's measure by its own hours; None where they are too few.

    Its bands are those of the same hours, so at first they promise a little too much.
    """
    around = surroundings(table, SPEC)
    origins = np.arange(FIRST_ORIGIN_H, table.hours - HORIZON_H + 1, ORIGIN_STEP_H)
    columns, series = (each.ravel() for each in np.meshgrid(origins, np.arange(len(table.sensor_ids))))
    chosen = slice(None, None, max(1, len(series) // EXAMPLES_MAX))
    columns, series = columns[chosen], series[chosen]
    facts = recent(windows(around, SPEC, series, columns).week)
    truth = truths(around.values, series, columns)
    known = np.isfinite(truth) & np.isfinite(facts.last)[:, None]
    if not len(series) or known.sum(axis=0).min() < TRUTHS_MIN:
        return None
    return ModelBundle(_card(table.measure, _numbers(fitted_baseline(BLEND, facts, truth))))


def _numbers(blend: Baseline) -> BaselineCard:
    coefficients, residuals = blend.coefficients.tolist(), blend.residuals.tolist()
    return BaselineCard(blend.name, coefficients, residuals, is_of_any_level=blend.is_of_any_level)


def _card(measure: str, blend: BaselineCard) -> ModelCard:
    return ModelCard(
        kind="blend",
        measure=measure,
        unit=MEASURE_BY_NAME[measure].unit,
        version=BLEND,
        features=SPEC,
        blend=blend,
        baseline=blend,
    )

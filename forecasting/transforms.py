"""The scale a measure is forecast on: dust by its logarithm, all else as it is."""

import numpy as np

from contracts.measures import MEASURE_BY_NAME
from forecasting.hourly_table import Floats

LOG_CEILING = 12.0  # e^12 is beyond every sensor's scale: a bound against overflow, not a judgement


def is_logarithmic(measure: str) -> bool:
    """Whether it is dust: never below 0, and its errors grow with its level."""
    known = MEASURE_BY_NAME.get(measure)
    return known is not None and known.unit == "µg/m³"


def plausible(values: Floats, measure: str) -> Floats:
    """Values that the measure can have; NaN for all else, infinities too."""
    known = MEASURE_BY_NAME.get(measure)
    low, high = (-np.inf, np.inf) if known is None else (known.low, known.high)
    return np.where(np.isfinite(values) & (values >= low) & (values <= high), values, np.nan)


def transformed(values: Floats, measure: str) -> Floats:
    """Values on the scale that models work on; NaN where missing or not plausible."""
    values = plausible(values, measure)
    return np.log1p(values) if is_logarithmic(measure) else values


def restored(values: Floats, measure: str) -> Floats:
    """The inverse of `transformed`, within what the measure can be."""
    known = MEASURE_BY_NAME.get(measure)
    if is_logarithmic(measure):
        values = np.expm1(np.clip(values, -1.0, LOG_CEILING))
    return values if known is None else np.clip(values, known.low, known.high)

"""One issue of one measure: what was said of all sensors at one hour."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app_predict.calibration import repaired
from contracts.forecasts import HORIZON_H
from forecasting.calibration import GROUP_OF_HORIZON
from forecasting.hourly_table import HOUR_S, Floats, Integers

Words = NDArray[np.str_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """The forecasts of one measure, issued at one hour.

    `sensor_ids`, `methods` and `models` are (sensors,); `quantiles` (sensors, horizon, quantile) are those
    of the model, before `factors_by_model` repair its bands; `blend` (sensors, horizon) and `last`
    (sensors,) are the baselines that it is compared with, NaN where there is none. Unit of the measure.
    """

    measure: str
    issued_at_s: int
    sensor_ids: Integers
    methods: Words
    models: Words
    quantiles: Floats
    blend: Floats
    last: Floats
    factors_by_model: dict[str, Floats]

    @property
    def published(self) -> Floats:
        """(sensors, horizon, quantile) with repaired bands: what is published."""
        return self._repaired(self.quantiles, lambda factors: factors[GROUP_OF_HORIZON])

    def published_at(self, horizon_h: int) -> Floats:
        """(sensors, quantile): the same of one horizon."""
        group = GROUP_OF_HORIZON[horizon_h - 1]
        return self._repaired(self.quantiles[:, horizon_h - 1], lambda factors: factors[group])

    def horizon_of(self, valid_at_s: int) -> int | None:
        """The horizon, 1 to `HORIZON_H`, at which this issue speaks of an hour; None where it does not."""
        horizon_h = (valid_at_s - self.issued_at_s) // HOUR_S + 1
        return horizon_h if 1 <= horizon_h <= HORIZON_H else None

    def _repaired(self, quantiles: Floats, factors_for: Callable[[Floats], Floats]) -> Floats:
        out = quantiles.copy()
        for model, factors in self.factors_by_model.items():
            of_model = self.models == model
            out[of_model] = repaired(quantiles[of_model], factors_for(factors), measure=self.measure)
        return out


def issues_about(valid_at_s: int) -> Iterator[int]:
    """The hours of the issues that speak of an hour, newest first."""
    yield from range(valid_at_s, valid_at_s - HORIZON_H * HOUR_S, -HOUR_S)

"""What the forecaster says, and how well it did.

Times are Unix seconds, UTC. An hour is named by its start, as in `contracts.aggregates`: a forecast issued
at 12:00 knows the hours up to the one that began at 11:00, and its horizon 1 is the hour from 12:00.
"""

from enum import StrEnum

import msgspec

HORIZON_H = 24
QUANTILES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
# First and last horizon of each group that skill is told by; names that sort as they follow.
HORIZON_GROUPS: dict[str, tuple[int, int]] = {
    "h01": (1, 1),
    "h02-03": (2, 3),
    "h04-06": (4, 6),
    "h07-12": (7, 12),
    "h13-24": (13, 24),
}


class Method(StrEnum):
    """How a forecast was made: the first that the sensor's last hours allow."""

    RNN = "rnn"  # the champion, on at least 12 observed hours of 24, inside its training ranges
    RNN_COLD = "rnn-cold"  # the same; less than a week is known, the rest is its neighbours'
    BLEND = "blend"  # last value and mean of the hour: outside the training ranges, or no champion has skill
    BLEND_SPARSE = "blend-sparse"  # 1 to 11 observed hours: the blend, shrunk towards the neighbours' median


class Forecast(msgspec.Struct, frozen=True, gc=False):
    """One issue of one sensor and measure.

    `quantiles` is `HORIZON_H` rows of `len(QUANTILES)` values, in the unit of the measure, each row in order.
    `model` is the version of the champion, or the name of the baseline that stands for it.
    """

    sensor_id: int
    measure: str
    issued_at_s: int
    method: Method
    model: str
    quantiles: list[list[float]]
    sensor_type: str | None = None
    country: str | None = None
    city: str | None = None

    def valid_at_s(self, horizon_h: int) -> int:
        """Start of the hour that is `horizon_h` hours ahead, 1 to `HORIZON_H`."""
        return self.issued_at_s + (horizon_h - 1) * 3600


class ForecastSkill(msgspec.Struct, frozen=True, gc=False):
    """How the forecasts for one hour did: of one measure, method and group of horizons, over all sensors.

    `mae` and `bias` (forecast less truth, of the median) are in the unit of the measure; `mase` is by the
    seasonal naive error of the week before; `wql` the weighted quantile loss over 0.1 to 0.9; `coverage_80`
    the share of truths within [q10, q90]; a skill is 1 - MAE / MAE of that baseline on the same hours.
    None where it cannot be told, for no baseline was there or its error is 0.
    """

    measure: str
    method: Method
    horizon_group: str
    valid_at_s: int
    model: str
    count: int
    mae: float
    bias: float
    wql: float | None = None
    mase: float | None = None
    coverage_80: float | None = None
    skill_blend: float | None = None
    skill_naive: float | None = None
    skill_seasonal_naive: float | None = None

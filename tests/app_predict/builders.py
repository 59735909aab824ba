"""Issues and truths of which only what matters is named."""

import numpy as np

from app_predict.issue import Issue
from app_predict.scoring import Truth
from contracts.forecasts import HORIZON_H, QUANTILES, Method
from forecasting.hourly_table import HOUR_S

NOON_S = 1_557_662_400  # 2019-05-12T12:00Z
SPREAD = np.linspace(-5.0, 5.0, len(QUANTILES), dtype=np.float32)


def an_issue(
    *,
    measure="temperature",
    issued_at_s=NOON_S,
    sensor_ids=(1, 2),
    method=Method.RNN,
    model="v1",
    median=10.0,
    blend=12.0,
    last=11.0,
    factors_by_model=None,
):
    """Every sensor and horizon has the same quantiles: the median, and 1 a level to both sides."""
    count = len(sensor_ids)
    return Issue(
        measure=measure,
        issued_at_s=issued_at_s,
        sensor_ids=np.array(sensor_ids, dtype=np.int64),
        methods=np.full(count, method.value),
        models=np.full(count, model),
        quantiles=np.broadcast_to((np.float32(median) + SPREAD), (count, HORIZON_H, len(QUANTILES))).copy(),
        blend=np.full((count, HORIZON_H), blend, dtype=np.float32),
        last=np.full(count, last, dtype=np.float32),
        factors_by_model=factors_by_model or {},
    )


def a_truth(*, valid_at_s=NOON_S, sensor_ids=(1, 2), values=(10.0, 10.0), seasonal=14.0, scale=2.0):
    count = len(sensor_ids)
    return Truth(
        valid_at_s=valid_at_s,
        sensor_ids=np.array(sensor_ids, dtype=np.int64),
        values=np.array(values, dtype=np.float32),
        seasonal=np.full(count, seasonal, dtype=np.float32),
        scale=np.full(count, scale, dtype=np.float32),
    )


def hours_before(hours):
    return NOON_S - hours * HOUR_S

"""From the network's answer to quantiles in the unit of the measure."""

import numpy as np

from forecasting.calibration import widened
from forecasting.hourly_table import Floats
from forecasting.transforms import restored


def finished(scaled: Floats, level: Floats, spread: Floats, *, measure: str, factors: Floats) -> Floats:
    """The answer (n, HORIZON_H, len(QUANTILES)) in order, its bands repaired by the factors, in bounds.

    `scaled * spread + level` is on the transformed scale; `factors` as `forecasting.calibration` finds them.
    """
    ordered = widened(np.sort(scaled, axis=-1), factors.astype(scaled.dtype))
    return restored(ordered * spread[:, None, None] + level[:, None, None], measure)

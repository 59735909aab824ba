"""From the network's answer to quantiles in the unit of the measure."""

import numpy as np

from forecasting.hourly_table import Floats
from forecasting.transforms import restored


def finished(scaled: Floats, level: Floats, spread: Floats, *, measure: str) -> Floats:
    """The answer (n, HORIZON_H, len(QUANTILES)) in order and in bounds, as precise as it was given.

    `scaled * spread + level` is on the transformed scale.
    """
    level, spread = (each.astype(scaled.dtype)[:, None, None] for each in (level, spread))
    return restored(np.sort(scaled, axis=-1) * spread + level, measure)

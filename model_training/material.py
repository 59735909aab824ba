"""Examples of a table as the network takes them: features, targets, weights."""

import numpy as np

from forecasting.baselines import Baseline
from forecasting.features import Features, FeatureSpec, Surroundings, features, truths, windows
from forecasting.hourly_table import Floats
from model_training.splits import Examples


class Material:
    """Examples of a surrounding, as the network takes them; without an anchor it starts from the blend."""

    def __init__(
        self, around: Surroundings, spec: FeatureSpec, blend: Baseline, anchor: Baseline | None = None
    ) -> None:
        self._around, self._spec, self._blend, self._anchor = around, spec, blend, anchor or blend

    def features(self, examples: Examples) -> Features:
        """What the network reads of them."""
        seen = windows(self._around, self._spec, examples.series, examples.columns)
        return features(self._spec, self._anchor, seen)

    def blended(self, read: Features) -> Floats:
        """What the blend says of them, scaled, (n, HORIZON_H)."""
        return (self._blend.centre(read.facts) - read.level[:, None]) / read.spread[:, None]

    def targets(self, examples: Examples, read: Features) -> Floats:
        """Scaled truth and the weight of each, (n, HORIZON_H, 2); the weight of a gap is 0."""
        truth = truths(self._around.values, examples.series, examples.columns)
        scaled = (truth - read.level[:, None]) / read.spread[:, None]
        known = np.isfinite(scaled)
        weights = np.where(known, read.spread[:, None], 0.0)
        return np.stack([np.where(known, scaled, 0.0), weights], axis=-1).astype(np.float32)

"""LightGBM on the same covariates: the strongest forecaster without a network, to be measured beside.

It learns the residual of the blend, as knowledge has it that it must, three quantiles, the others between.
For comparison only: LightGBM is not in the images, and this is no model of the registry.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from contracts.errors import BadInputError
from contracts.forecasts import HORIZON_H, QUANTILES
from forecasting.baselines import WEEK_H
from forecasting.features import Features, Surroundings, windows
from forecasting.hourly_table import Floats
from forecasting.quantiles import finished
from model_training.material import Material
from model_training.splits import Examples
from model_training.training import Prepared

WINDOWS = 25_000
TREES_MAX = 400
LAGS = (1, 2, 3, 4, 6, 8, 12, 18, 24)
DAYS = (25, 36, 48, 72, 96, 120, 144, 168)
LEVELS = (0.1, 0.5, 0.9)
PARAMETERS = {
    "objective": "quantile", "metric": "quantile", "learning_rate": 0.05, "num_leaves": 48,
    "min_data_in_leaf": 200, "feature_fraction": 0.6, "bagging_fraction": 0.5, "bagging_freq": 1,
    "num_threads": 1, "max_bin": 127, "verbosity": -1, "seed": 1,
}  # fmt: skip


def fitted_peer(ready: Prepared, *, seed: int = 1) -> Callable[[Examples], Floats]:
    """Trees of the training examples, stopped by the validation ones; gives quantiles of examples."""
    try:
        import lightgbm  # noqa: PLC0415
    except ImportError as error:
        raise BadInputError("no_lightgbm", "install the extra dev to compare with LightGBM") from error
    random = np.random.default_rng(seed)
    some = ready.split.train.where(
        random.choice(len(ready.split.train), min(WINDOWS, len(ready.split.train)), replace=False)
    )
    train, validation = (_dataset(lightgbm, ready, each) for each in (some, ready.split.validation))
    models = [
        lightgbm.train(
            PARAMETERS | {"alpha": level}, train, TREES_MAX, valid_sets=[validation],
            callbacks=[lightgbm.early_stopping(40, verbose=False)],
        )
        for level in LEVELS
    ]  # fmt: skip
    return lambda examples: _quantiles(models, ready, examples)


def _dataset(lightgbm: Any, ready: Prepared, examples: Examples) -> Any:
    material = ready.material
    read = material.features(examples)
    targets = material.targets(examples, read).reshape(-1, 2)
    known = targets[:, 1] > 0
    residual = targets[:, 0] - read.anchor.reshape(-1)
    rows = _rows(ready, ready.heard, examples, read)
    return lightgbm.Dataset(rows[known], residual[known], weight=targets[known, 1])


def _rows(ready: Prepared, around: Surroundings, examples: Examples, read: Features) -> Floats:
    """One row a horizon: lags, trends, covariates and neighbours now and before, the hour to come."""
    past = read.past
    week = windows(around, ready.spec, examples.series, examples.columns).week
    older = (week[:, [WEEK_H - lag for lag in DAYS]] - read.level[:, None]) / read.spread[:, None]
    lags = past[:, [-lag for lag in LAGS], 0]
    means = [past[:, -hours:, 0].mean(axis=1) for hours in (3, 6, 12, 24)]
    others = past[:, :, 2:]
    trends = [others[:, -1], others[:, -1] - others[:, -7], others[:, -1] - others[:, 0]]
    still = np.concatenate([lags, older, np.stack(means, axis=1), *trends, read.static], axis=1)
    per_horizon = np.repeat(still, HORIZON_H, axis=0)
    return np.concatenate([per_horizon, read.future.reshape(len(per_horizon), -1)], axis=1).astype(np.float32)


def _quantiles(models: list[Any], ready: Prepared, examples: Examples) -> Floats:
    material = Material(ready.around, ready.spec, ready.baselines["blend"])
    read = material.features(examples)
    rows = _rows(ready, ready.around, examples, read)
    said = np.stack([model.predict(rows).reshape(-1, HORIZON_H) + read.anchor for model in models], axis=-1)
    slope = np.array([np.interp(QUANTILES, LEVELS, column) for column in np.eye(len(LEVELS))])
    # Beyond the outer two the tails go on as they went.
    slope[:, 0], slope[:, -1] = [1.1, -0.1, 0.0], [0.0, -0.1, 1.1]
    return finished(said @ slope, read.level, read.spread, measure=ready.data.table.measure)

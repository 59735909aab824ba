"""One measure's network: trained, its bands repaired on validation, its ranges noted on the card."""

from typing import Any

import numpy as np
from msgspec import structs

from forecasting.calibration import band_factors, trusted
from forecasting.card import ModelCard
from forecasting.features import Features, Surroundings, truths
from forecasting.hourly_table import Floats
from forecasting.scores import DAY_H
from model_training.fitting import answers, trained
from model_training.preparation import training_ranges
from model_training.progress import Tell
from model_training.splits import Examples
from model_training.training import Prepared, model_card


def trained_model(
    ready: Prepared, *, seeds: tuple[int, ...], tell: Tell, now_s: int
) -> tuple[ModelCard, Any]:
    """The card and the network of several seeds' mean; see `fitting.trained` for Ctrl-C."""
    network = trained(ready, seeds=seeds, tell=tell)
    factors = _band_factors(ready, network)
    content = b"".join(np.ascontiguousarray(each).tobytes() for each in network.get_weights())
    card = model_card(ready, "rnn", content, seeds=seeds, now_s=now_s)
    return structs.replace(
        card, ranges=training_ranges(ready.lessons, ready.spec),
        band_factors=np.round(factors, 4).tolist(),
    ), network  # fmt: skip


def _band_factors(ready: Prepared, network: Any) -> Floats:
    """What would have made the bands hold on validation."""
    examples = ready.split.validation
    read = ready.material.features(examples)
    said = np.sort(answers(network, read), axis=-1)
    found = band_factors(said, scaled_truths(ready.heard, examples, read))
    return trusted(found, days=len(np.unique(examples.columns // DAY_H)))


def scaled_truths(around: Surroundings, examples: Examples, read: Features) -> Floats:
    """Truths as the network means them, (n, HORIZON_H)."""
    truth = truths(around.values, examples.series, examples.columns)
    return (truth - read.level[:, None]) / read.spread[:, None]

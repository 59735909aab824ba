"""A trained model becomes a version in the registry: card, network, golden batch, metrics."""

from typing import Any

import msgspec
import numpy as np

from forecasting.bundle import CARD_FILE, NETWORK_FILE
from forecasting.card import ModelCard, encoded_card
from forecasting.hourly_table import Floats
from forecasting.litert import INPUTS
from model_training.exporting import exported, keras_bytes
from model_training.fitting import answers
from model_training.golden import GOLDEN_FILE, GOLDEN_WINDOWS, npz, require_agreement
from model_training.progress import METRICS_FILE, Metrics, Step
from model_training.training import Prepared

KERAS_FILE = "model.keras"


def packed(ready: Prepared, card: ModelCard, network: Any, steps: list[Step]) -> dict[str, bytes]:
    """The files of a version; raises BadInputError where the exported network does not agree."""
    golden = golden_batch(ready, network)
    members = len(card.training.seeds) if card.training else 1
    litert = exported(network, card.features, members=members)
    require_agreement(litert, golden)
    return {
        CARD_FILE: encoded_card(card), NETWORK_FILE: litert, KERAS_FILE: keras_bytes(network),
        GOLDEN_FILE: npz(golden), METRICS_FILE: msgspec.json.encode(Metrics(steps)),
    }  # fmt: skip


def golden_batch(ready: Prepared, network: Any) -> dict[str, Floats]:
    """Inputs of some validation windows, and the network's answer to them."""
    validation = ready.split.validation
    chosen = np.linspace(0, len(validation) - 1, min(GOLDEN_WINDOWS, len(validation))).astype(int)
    read = ready.material.features(validation.where(chosen))
    return dict(zip(INPUTS, read.inputs, strict=True)) | {"answer": answers(network, read)}

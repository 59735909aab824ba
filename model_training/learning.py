"""One measure's network: trained, its ranges noted on the card."""

from typing import Any

import numpy as np
from msgspec import structs

from forecasting.card import ModelCard
from model_training.fitting import trained
from model_training.preparation import training_ranges
from model_training.progress import Tell
from model_training.training import Prepared, model_card


def trained_model(
    ready: Prepared, *, seeds: tuple[int, ...], tell: Tell, now_s: int
) -> tuple[ModelCard, Any]:
    """The card and the network of several seeds' mean; see `fitting.trained` for Ctrl-C."""
    network = trained(ready, seeds=seeds, tell=tell)
    content = b"".join(np.ascontiguousarray(each).tobytes() for each in network.get_weights())
    card = model_card(ready, "rnn", content, seeds=seeds, now_s=now_s)
    return structs.replace(card, ranges=training_ranges(ready.lessons, ready.spec)), network

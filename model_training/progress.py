"""What a training tells on its way."""

from collections.abc import Callable

import msgspec


class Step(msgspec.Struct, frozen=True):
    """One validation on the way: the losses, and 1 - error / error of the blend on the same examples.

    The validation loss is the mean of every city's, the skill that of the first.
    """

    seed: int
    step: int
    loss: float
    validation_loss: float
    skill: float
    elapsed_s: float
    is_best: bool


class Metrics(msgspec.Struct, frozen=True):
    """What is kept of a training beside its model."""

    training: list[Step]


METRICS_FILE = "metrics.json"

Tell = Callable[[Step], None]

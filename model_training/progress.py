"""What a training tells on its way."""

from collections.abc import Callable

import msgspec


class Step(msgspec.Struct, frozen=True):
    """One validation on the way: the losses, and 1 - error / error of the blend on the same examples.

    The validation loss is the mean of every city's, the skill that of the first. Where `is_learnt` these
    examples are learnt from, too: then neither tells of what is to come.
    """

    seed: int
    step: int
    loss: float
    validation_loss: float
    skill: float
    elapsed_s: float
    is_best: bool
    is_learnt: bool = False


class Metrics(msgspec.Struct, frozen=True):
    """What is kept of a training beside its model."""

    training: list[Step]


METRICS_FILE = "metrics.json"

Tell = Callable[[Step], None]

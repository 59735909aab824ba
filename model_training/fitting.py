"""Training: batches of windows, the pinball loss, the best or the last weights kept and averaged."""

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from contracts.forecasts import QUANTILES
from forecasting.features import Features, FeatureSpec
from forecasting.hourly_table import Floats
from model_training.design import NetworkDesign
from model_training.material import Batches, Lesson
from model_training.network import built
from model_training.progress import Step, Tell
from model_training.training import Prepared

EVALUATED = 1024  # windows in one call
AVERAGED = 3  # weights: one alone is as it is by luck of the step, too

Answer = Callable[[tuple[Floats, ...]], Any]  # of a network, to its inputs


def weighted_pinball(target: Any, said: Any) -> Any:
    """Pinball loss averaged over the observed truths; `target` as `Material.targets`.

    Koenker & Bassett (1978).
    """
    levels = tf.constant(QUANTILES, tf.float32)
    error = target[..., :1] - said
    loss = tf.reduce_mean(tf.maximum(levels * error, (levels - 1.0) * error), axis=-1)
    weight = target[..., 1]
    return tf.reduce_sum(loss * weight) / (tf.reduce_sum(weight) + 1e-6)


def prepare_tensorflow() -> None:
    """One thread, the same answer every time."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()


def trained(ready: Prepared, *, seeds: tuple[int, ...], tell: Tell) -> Any:
    """The network with the mean of the weights best on validation, or of the last; of seeds, the mean of all.

    Ctrl-C ends the training and keeps what would be kept so far.
    """
    members, batches = [], Batches(ready.lessons)
    for seed in seeds:
        member, was_stopped = _fitted(ready, batches, seed=seed, tell=tell)
        members.append(member)
        if was_stopped:
            break
    return joined(members, ready.spec, ready.design.network)


def joined(members: list[Any], spec: FeatureSpec, design: NetworkDesign) -> Any:
    """One network of several: the mean of their quantiles."""
    count = len(members)
    whole = built(spec, design, members=count)
    for number, member in enumerate(members):
        for layer in member.layers:
            if layer.weights:
                whole.get_layer(layer.name.replace("m0_", f"m{number}_", 1)).set_weights(layer.get_weights())
    return whole


def _fitted(ready: Prepared, batches: Batches, *, seed: int, tell: Tell) -> tuple[Any, bool]:
    keras.utils.set_random_seed(seed)
    design = ready.design.network
    network = built(ready.spec, design)
    rate = keras.optimizers.schedules.CosineDecay(design.learning_rate, design.steps_max, alpha=0.05)
    network.compile(
        keras.optimizers.AdamW(rate, weight_decay=design.weight_decay, clipnorm=1.0), weighted_pinball,
        jit_compile=False,  # XLA and the same answer every time exclude each other
    )  # fmt: skip
    course = _Course(network, ready, seed, tell)
    was_stopped = False
    try:
        _steps(network, batches, design, np.random.default_rng(seed), course)
    except KeyboardInterrupt:
        was_stopped = True
    course.end()
    return network, was_stopped


def _steps(
    network: Any, batches: Batches, design: NetworkDesign, random: np.random.Generator, course: "_Course"
) -> None:
    total = 0.0
    for step in range(1, design.steps_max + 1):
        total += float(network.train_on_batch(*batches.drawn(design.batch, random)))
        if step % design.steps_between_validations == 0:
            if not course.goes_on(step, total / design.steps_between_validations):
                return
            total = 0.0


class _Course:
    """Follows a training: validates on every city, keeps the weights that count, says when to stop."""

    def __init__(self, network: Any, ready: Prepared, seed: int, tell: Tell) -> None:
        self._network, self._design, self._seed, self._tell = network, ready.design.network, seed, tell
        self._answer = compiled(network)
        self._validations = [_Validation(each) for each in ready.validations]
        self._kept: list[tuple[float, list[Floats]]] = []
        self._lowest = np.inf
        self._since, self._began_s = 0, time.monotonic()

    def goes_on(self, step: int, loss: float) -> bool:
        """Validate and tell; whether to go on."""
        validation_loss, skill = self._judged()
        is_best = validation_loss < self._lowest
        if np.isfinite(validation_loss):
            self._keep(validation_loss)
        self._lowest = min(self._lowest, validation_loss)
        self._since = 0 if is_best else self._since + 1
        elapsed_s = time.monotonic() - self._began_s
        is_learnt = not self._design.is_validated
        self._tell(Step(self._seed, step, loss, validation_loss, skill, elapsed_s, is_best, is_learnt))
        return self._design.patience is None or self._since < self._design.patience

    def _keep(self, loss: float) -> None:
        """Keep the weights of now, if they are among those that count: the best, or the last."""
        self._kept.append((loss, self._network.get_weights()))
        if self._design.is_validated:
            self._kept.sort(key=lambda each: -each[0])
        del self._kept[:-AVERAGED]

    def end(self) -> None:
        """Give the network the mean of the weights that count, or the best of them where the mean is worse.

        Where the last count, validation has no say. Raises KeyboardInterrupt where there are none yet.
        """
        if not self._kept:
            raise KeyboardInterrupt
        layers = zip(*(weights for _, weights in self._kept), strict=True)
        self._network.set_weights([np.mean(each, axis=0) for each in layers])
        lowest, best = self._kept[-1]
        if self._design.is_validated and self._judged()[0] > lowest:
            self._network.set_weights(best)

    def _judged(self) -> tuple[float, float]:
        """The mean loss of all cities, and the skill of the first."""
        found = [each.judged(self._answer) for each in self._validations]
        return sum(loss for loss, _ in found) / len(found), found[0][1]


class _Validation:
    """A city's validation examples, read once."""

    def __init__(self, lesson: Lesson) -> None:
        material = lesson.material
        self._read = material.features(lesson.examples)
        self._targets = material.targets(lesson.examples, self._read)
        self._blend_loss = _median_loss(material.blended(self._read), self._targets)

    def judged(self, network: Answer) -> tuple[float, float]:
        """The loss, of values scaled by their windows, and the skill over the blend."""
        said = np.sort(answers(network, self._read), axis=-1)
        loss = float(weighted_pinball(tf.constant(self._targets), tf.constant(said)))
        return loss, 1 - _median_loss(said[..., QUANTILES.index(0.5)], self._targets) / self._blend_loss


def answers(network: Answer, read: Features) -> Floats:
    """The network's answer to features, in batches."""
    parts = [
        np.asarray(network(tuple(each[at : at + EVALUATED] for each in read.inputs)))
        for at in range(0, len(read.level), EVALUATED)
    ]
    return np.concatenate(parts)


def compiled(network: Any) -> Answer:
    """The network as one graph for batches of any size: by itself it would be run layer by layer."""
    batches = tuple(tf.TensorSpec((None, *each.shape[1:]), tf.float32) for each in network.inputs)
    graph: Answer = tf.function(partial(network, training=False), input_signature=(batches,), autograph=False)
    return graph


def _median_loss(said: Floats, targets: Floats) -> float:
    return float((np.abs(targets[..., 0] - said) * targets[..., 1]).sum() / targets[..., 1].sum())

"""Examples of a table as the network takes them: features, targets, weights; batches of several cities."""

from dataclasses import dataclass

import numpy as np

from forecasting.baselines import Baseline
from forecasting.features import Features, FeatureSpec, Surroundings, features, truths, windows
from forecasting.hourly_table import Floats
from model_training.splits import Examples


class Material:
    """Examples of a surrounding, as the network takes them; without an anchor it starts from the blend.

    `level_power` as in NetworkDesign.
    """

    def __init__(
        self,
        around: Surroundings,
        spec: FeatureSpec,
        blend: Baseline,
        anchor: Baseline | None = None,
        *,
        level_power: float = 0.0,
    ) -> None:
        self._around, self._spec, self._blend, self._anchor = around, spec, blend, anchor or blend
        self._level_power = level_power

    def features(self, examples: Examples) -> Features:
        """What the network reads of them."""
        seen = windows(self._around, self._spec, examples.series, examples.columns)
        return features(self._spec, self._anchor, seen)

    def blended(self, read: Features) -> Floats:
        """What the blend says of them, scaled, (n, HORIZON_H)."""
        return (self._blend.centre(read.facts) - read.level[:, None]) / read.spread[:, None]

    def targets(self, examples: Examples, read: Features) -> Floats:
        """Scaled truth and the weight of each, (n, HORIZON_H, 2); the weight of a gap is 0.

        A window weighs what its spread is, so that errors count by the transformed scale, where that is a
        logarithm times its level to the power of `level_power`.
        """
        truth = truths(self._around.values, examples.series, examples.columns)
        scaled = (truth - read.level[:, None]) / read.spread[:, None]
        known = np.isfinite(scaled)
        weight = read.spread * np.exp(self._level_power * read.level)
        weights = np.where(known, weight[:, None], 0.0)
        return np.stack([np.where(known, scaled, 0.0), weights], axis=-1).astype(np.float32)


WEIGHED = 2000  # examples that tell how much a city's weigh


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learnt of one city: its examples, and the material that makes them features."""

    material: Material
    examples: Examples

    def drawn(self, count: int, random: np.random.Generator) -> Examples:
        """So many at random, each as likely as another."""
        return self.examples.where(random.choice(len(self.examples), count))


class Batches:
    """Batches to train on; of several cities each has its share of every batch, and of the loss.

    So a city of many sensors and years does not drown one of few.
    """

    def __init__(self, lessons: tuple[Lesson, ...], *, seed: int = 1) -> None:
        self._lessons = lessons
        self._weights = [_mean_weight(each, np.random.default_rng(seed)) for each in lessons]

    def drawn(self, count: int, random: np.random.Generator) -> tuple[tuple[Floats, ...], Floats]:
        """The network's inputs and targets of `count` examples."""
        shares = [len(each) for each in np.array_split(np.arange(count), len(self._lessons))]
        parts = [
            _taught(city, city.drawn(share, random), weight)
            for city, share, weight in zip(self._lessons, shares, self._weights, strict=True)
        ]
        inputs = zip(*(each for each, _ in parts), strict=True)
        targets: Floats = np.concatenate([each for _, each in parts])
        return tuple(np.concatenate(each) for each in inputs), targets


def _taught(city: Lesson, examples: Examples, weight: float) -> tuple[tuple[Floats, ...], Floats]:
    read = city.material.features(examples)
    targets = city.material.targets(examples, read)
    targets[..., 1] /= weight
    return read.inputs, targets


def _mean_weight(city: Lesson, random: np.random.Generator) -> float:
    some = city.drawn(min(WEIGHED, len(city.examples)), random)
    return float(city.material.targets(some, city.material.features(some))[..., 1].mean()) or 1.0

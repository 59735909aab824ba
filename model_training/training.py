"""One measure's model from its data: constants, baselines, network, bands, card."""

import hashlib
import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec import structs

from contracts.measures import MEASURE_BY_NAME
from forecasting.baselines import BASELINES, BLEND, Baseline
from forecasting.bundle import ModelBundle
from forecasting.card import RNN, Kind, ModelCard, Training
from forecasting.features import FeatureSpec, Surroundings, surroundings
from model_training.design import Design
from model_training.material import Lesson, Material
from model_training.preparation import baseline_card, feature_spec, fitted_anchor, fitted_on
from model_training.protocols import Protocol
from model_training.splits import Split
from model_training.tables import Data

LIBRARIES = ("tensorflow-cpu", "keras", "numpy", "ai-edge-litert")


@dataclass(frozen=True, slots=True)
class City:
    """A further city to learn from; nothing of it is tested on."""

    data: Data
    split: Split
    heard: Surroundings


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is ready before the first step, and is the same for every model of these data and this design.

    `around` hears all places, as in serving; `heard` those alone that are not left out, for training.
    """

    data: Data
    protocol: Protocol
    design: Design
    split: Split
    spec: FeatureSpec
    around: Surroundings
    heard: Surroundings
    baselines: dict[str, Baseline]
    anchor: Baseline
    also: tuple[City, ...] = ()

    @property
    def material(self) -> Material:
        """Examples as the network takes them."""
        return self._material(self.heard)

    @property
    def lessons(self) -> tuple[Lesson, ...]:
        """What the network is trained on, of each city."""
        keeps_back = self.design.network.is_validated
        return tuple(
            Lesson(material, split.train if keeps_back else split.known) for material, split in self._cities
        )

    @property
    def validations(self) -> tuple[Lesson, ...]:
        """What shows when it has learnt enough, of each city; or how much, where all is learnt from."""
        return tuple(Lesson(material, split.validation) for material, split in self._cities)

    def trained_until_s(self, kind: Kind) -> int:
        """Nothing from then on was learnt from."""
        is_kept_back = kind != RNN or self.design.network.is_validated
        return self.protocol.train_until_s if is_kept_back else self.protocol.validate_until_s

    @property
    def _cities(self) -> tuple[tuple[Material, Split], ...]:
        further = ((self._material(each.heard), each.split) for each in self.also)
        return ((self.material, self.split), *further)

    def _material(self, heard: Surroundings) -> Material:
        return Material(
            heard, self.spec, self.baselines[BLEND], self.anchor, level_power=self.design.network.level_power
        )


def prepared(data: Data, protocol: Protocol, design: Design, *, also: Sequence[Data] = ()) -> Prepared:
    """Split the data, find the constants and the baselines; the test span is not looked at.

    Constants and baselines are of the first city; the network learns from the cities `also` given as well.
    """
    split = protocol.split(data)
    end = data.table.column(protocol.validate_until_s)
    seen = ~protocol.left_out(data)
    spec = feature_spec(data.table, design.features, series=seen, end=end)
    heard = surroundings(data.table, spec, heard=seen)
    baselines = {name: fitted_on(name, heard, spec, split.train) for name in BASELINES}
    anchor = fitted_anchor(heard, spec, split.train) if design.is_anchored_on_trend else baselines[BLEND]
    around = surroundings(data.table, spec)
    cities = tuple(_city(each, protocol, spec) for each in also)
    return Prepared(data, protocol, design, split, spec, around, heard, baselines, anchor, cities)


def _city(data: Data, protocol: Protocol, spec: FeatureSpec) -> City:
    heard = surroundings(data.table, spec, heard=~protocol.left_out(data))
    return City(data, protocol.split_of_further(data), heard)


def baseline_model(ready: Prepared, name: Kind, *, now_s: int) -> ModelBundle:
    """A baseline as a model of its own."""
    numbers = baseline_card(ready.baselines[name])
    content = repr((numbers.coefficients, numbers.residuals)).encode()
    return ModelBundle(
        structs.replace(model_card(ready, name, content, seeds=(), now_s=now_s), baseline=numbers)
    )


def model_card(
    ready: Prepared, kind: Kind, content: bytes, *, seeds: tuple[int, ...], now_s: int
) -> ModelCard:
    """The card of what was made of these data; its version is the time and the hash of its content."""
    measure = ready.data.table.measure
    made = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%dT%H%M%SZ")
    return ModelCard(
        kind=kind, measure=measure, unit=unit_of(measure),
        version=f"{made}-{hashlib.sha256(content).hexdigest()[:8]}",
        features=ready.spec, blend=baseline_card(ready.baselines[BLEND]),
        anchor=baseline_card(ready.anchor) if kind == RNN and ready.design.is_anchored_on_trend else None,
        training=Training(
            data=ready.data.fingerprint, also=tuple(each.data.fingerprint for each in ready.also),
            trained_until_s=ready.trained_until_s(kind),
            left_out_places=ready.protocol.leave_out, seeds=seeds, created_at_s=now_s,
            libraries={name: importlib.metadata.version(name) for name in LIBRARIES},
            code_version=importlib.metadata.version("luftstrom"),
        ),
    )  # fmt: skip


def unit_of(measure: str) -> str:
    """The measure's unit; empty for one that is not the network's, as wind."""
    known = MEASURE_BY_NAME.get(measure)
    return known.unit if known else ""

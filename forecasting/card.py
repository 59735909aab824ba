"""The card of a model: all that is needed to use and to judge it, `model.json` beside its weights."""

from typing import Literal

import msgspec
import numpy as np

from contracts.errors import BadInputError
from contracts.forecasts import HORIZON_H, QUANTILES
from forecasting.baselines import BASELINES, Baseline
from forecasting.features import FeatureSpec

CARD_SCHEMA = 1
RNN = "rnn"
Kind = Literal["rnn", "persistence", "seasonal-naive", "blend"]


class BaselineCard(msgspec.Struct, frozen=True):
    """A baseline in numbers: `HORIZON_H` rows of coefficients, of residual quantiles, of the tendency's."""

    name: str
    coefficients: list[list[float]]
    residuals: list[list[float]]
    is_seasonal: bool = False
    tendency: list[list[float]] | None = None
    is_of_any_level: bool = False

    def baseline(self) -> Baseline:
        """The forecaster."""
        return Baseline(
            self.name, np.array(self.coefficients), np.array(self.residuals), self.is_seasonal,
            None if self.tendency is None else np.array(self.tendency), self.is_of_any_level,
        )  # fmt: skip


class TrainingRanges(msgspec.Struct, frozen=True):
    """Where the network was trained: the span of 99 % of its windows' levels and spreads, transformed."""

    level: tuple[float, float]
    spread: tuple[float, float]


class DataFingerprint(msgspec.Struct, frozen=True):
    """Which data a model saw: the source, its span and size, and the sha256 of the hourly table."""

    source: str
    first_hour_s: int
    end_s: int
    series: int
    observed_hours: int
    sha256: str


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """How the model came to be; `also` are the further cities that it learnt from."""

    data: DataFingerprint
    also: tuple[DataFingerprint, ...] = ()
    trained_until_s: int
    left_out_places: str
    seeds: tuple[int, ...]
    created_at_s: int
    libraries: dict[str, str]
    code_version: str
    parent: str | None = None


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one measure's model. Baselines are models too: they have a card and no weights."""

    schema: int = CARD_SCHEMA
    kind: Kind
    measure: str
    unit: str
    version: str
    features: FeatureSpec
    blend: BaselineCard
    anchor: BaselineCard | None = None  # of a network that does not start from the blend
    baseline: BaselineCard | None = None  # of a baseline's own card
    ranges: TrainingRanges | None = None
    training: Training | None = None
    horizon_h: int = HORIZON_H
    quantiles: tuple[float, ...] = QUANTILES
    cadence_s: int = 3600

    @property
    def network_anchor(self) -> Baseline:
        """The linear forecast that the network starts from."""
        return (self.anchor or self.blend).baseline()


def encoded_card(card: ModelCard) -> bytes:
    """The card as JSON that people can read."""
    return msgspec.json.format(msgspec.json.encode(card), indent=1)


def decoded_card(body: bytes) -> ModelCard:
    """The card; raises BadInputError where it is none, or of another form than this program knows."""
    try:
        card = msgspec.json.decode(body, type=ModelCard)
    except msgspec.MsgspecError as error:
        raise BadInputError("bad_model_card", str(error)) from error
    if card.schema != CARD_SCHEMA or card.horizon_h != HORIZON_H or card.quantiles != QUANTILES:
        raise BadInputError("bad_model_card", f"{card.version} is of another form; train it anew")
    if card.kind in BASELINES and card.baseline is None:
        raise BadInputError("bad_model_card", f"{card.version} is a baseline without its numbers")
    return card

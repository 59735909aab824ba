"""One model as it is used: its card, its network, and a forecast for every series that can have one."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from contracts.errors import BadInputError
from contracts.forecasts import HORIZON_H, QUANTILES, Method
from forecasting.baselines import BASELINES, WEEK_H, Baseline, Recent, recent
from forecasting.card import RNN, ModelCard, TrainingRanges, decoded_card
from forecasting.features import OBSERVED_MIN, Features, Surroundings, features, surroundings, windows
from forecasting.hourly_table import Floats, HourlyTable, Integers
from forecasting.litert import LiteRtNetwork
from forecasting.quantiles import finished
from forecasting.transforms import restored

CARD_FILE, NETWORK_FILE = "model.json", "model.tflite"

CHUNK = 1024  # series that a thread forecasts at a time

Network = Callable[[tuple[Floats, ...]], Floats]


@dataclass(frozen=True, slots=True)
class Predictions:
    """Forecasts of `n` series from one moment.

    `quantiles` (n, HORIZON_H, len(QUANTILES)) in the unit of the measure, NaN where `methods` is None;
    `observed` (n,) hours of the last day that had a value.
    """

    sensor_ids: Integers
    methods: list[Method | None]
    quantiles: Floats
    observed: Integers


@dataclass(frozen=True, slots=True)
class ModelBundle:
    """A card with its network, baselines have none; its forecasts are made by `threads` threads."""

    card: ModelCard
    network: Network | None = None
    threads: int = 1

    @classmethod
    def of(cls, files: Mapping[str, bytes], *, threads: int = 1) -> "ModelBundle":
        """The model of a version's files by name; raises BadInputError where one is missing, or is none.

        `forecasting.registry` checks their sha256 first.
        """
        try:
            card = decoded_card(files[CARD_FILE])
            network = None if card.kind in BASELINES else LiteRtNetwork(files[NETWORK_FILE])
        except KeyError as error:
            raise BadInputError("incomplete_model", f"a model without {error}") from error
        return cls(card, network, threads)

    def surroundings(self, table: HourlyTable, *, issued_from: int = 0) -> Surroundings:
        """The table made ready for many forecasts, issued from the column `issued_from` on."""
        return surroundings(table, self.card.features, issued_from=issued_from, threads=self.threads)

    def predict(self, table: HourlyTable, *, allows_network: bool = True) -> Predictions:
        """Forecast every series from the end of the table, which wants a week (`baselines.WEEK_H` hours).

        Without `allows_network` all is by the blend.
        """
        return self.predict_at(*self.at_end(table), allows_network=allows_network)

    def at_end(self, table: HourlyTable) -> tuple[Surroundings, Integers, Integers]:
        """What `predict_at` wants for every series at the end of the table."""
        count = len(table.sensor_ids)
        week = table.between(max(0, table.hours - WEEK_H), table.hours)
        around = self.surroundings(week, issued_from=week.hours)
        return around, np.arange(count), np.full(count, week.hours)

    def predict_at(
        self,
        around: Surroundings,
        series: Integers,
        columns: Integers,
        *,
        allows_network: bool = True,
    ) -> Predictions:
        """Forecast the rows `series` (n,) of the table from before its columns `columns` (n,).

        Some at a time: what the network reads of ten thousand is far larger than what is said of them.
        """
        part = partial(self._predicted, around, allows_network=allows_network)
        starts = range(0, max(len(series), 1), CHUNK)
        with ThreadPoolExecutor(self.threads) as pool:
            parts = pool.map(lambda at: part(series[at : at + CHUNK], columns[at : at + CHUNK]), starts)
            return _joined(list(parts))

    def _predicted(
        self,
        around: Surroundings,
        series: Integers,
        columns: Integers,
        *,
        allows_network: bool,
    ) -> Predictions:
        card = self.card
        seen = windows(around, card.features, series, columns)
        read = features(card.features, card.network_anchor, seen)
        methods = _methods(read, card.ranges, uses_network=allows_network and card.kind == RNN)
        quantiles = np.full((len(series), HORIZON_H, len(QUANTILES)), np.nan, dtype=np.float32)
        by_network = np.array([each in {Method.RNN, Method.RNN_COLD} for each in methods], dtype=bool)
        if self.network is not None and by_network.any():
            scaled = self.network(tuple(each[by_network] for each in read.inputs))
            quantiles[by_network] = finished(
                scaled, read.level[by_network], read.spread[by_network], measure=card.measure
            )
        plain = np.array([each in {Method.BLEND, Method.BLEND_SPARSE} for each in methods], dtype=bool)
        if plain.any():
            quantiles[plain] = restored(
                _shown_baseline(card).quantiles(_shrunk(read, seen.neighbour_week).where(plain)),
                card.measure,
            )
        return Predictions(around.table.sensor_ids[series], methods, quantiles, read.observed)


def _joined(parts: list[Predictions]) -> Predictions:
    return Predictions(
        np.concatenate([each.sensor_ids for each in parts]),
        [method for each in parts for method in each.methods],
        np.concatenate([each.quantiles for each in parts]),
        np.concatenate([each.observed for each in parts]),
    )


def _methods(read: Features, ranges: TrainingRanges | None, *, uses_network: bool) -> list[Method | None]:
    """The first method that the last hours allow, by series; None without any value of the last day."""
    inside = np.ones(len(read.level), dtype=bool)
    if ranges is not None:
        inside &= (read.level >= ranges.level[0]) & (read.level <= ranges.level[1])
        inside &= (read.spread >= ranges.spread[0]) & (read.spread <= ranges.spread[1])
    chosen: list[Method | None] = []
    for observed, is_inside, is_cold in zip(read.observed, inside, read.is_cold, strict=True):
        if observed == 0:
            chosen.append(None)
        elif observed < OBSERVED_MIN:
            chosen.append(Method.BLEND_SPARSE)
        elif not uses_network or not is_inside:
            chosen.append(Method.BLEND)
        else:
            chosen.append(Method.RNN_COLD if is_cold else Method.RNN)
    return chosen


def _shown_baseline(card: ModelCard) -> Baseline:
    return (card.baseline or card.blend).baseline()


def _shrunk(read: Features, neighbour_week: Floats | None) -> Recent:
    """The facts; of series with few observed hours moved towards their neighbours', by what is missing."""
    facts = read.facts
    if neighbour_week is None:
        return facts
    trust = np.minimum(read.observed / OBSERVED_MIN, 1.0)
    theirs = recent(neighbour_week)
    return replace(
        facts,
        last=_mixed(facts.last, theirs.last, trust),
        hour_means=_mixed(facts.hour_means, theirs.hour_means, trust[:, None]),
        mean=_mixed(facts.mean, theirs.mean, trust),
    )


def _mixed(own: Floats, theirs: Floats, trust: Floats) -> Floats:
    mixed = own * trust + theirs * (1 - trust)
    return np.where(np.isfinite(mixed), mixed, np.where(np.isfinite(own), own, theirs))

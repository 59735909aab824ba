"""Rolling-origin back-tests: every forecaster on the same origins, and how sure the differences are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from contracts.forecasts import HORIZON_GROUPS, QUANTILES, Method
from forecasting.baselines import BASELINES
from forecasting.bundle import ModelBundle
from forecasting.calibration import DAYS_KEPT, band_factors, trusted, widened
from forecasting.features import truths
from forecasting.hourly_table import Booleans, Floats, Integers
from forecasting.scores import DECILES, MEDIAN, Scores, in_group, pinball, scores, seasonal_scales
from forecasting.transforms import plausible, restored, transformed
from model_training.preparation import facts_of
from model_training.splits import Examples
from model_training.training import Prepared

ALL, SEEN, UNSEEN = "all", "seen", "unseen"
WHO = (ALL, SEEN, UNSEEN)
DRAWS = 1000
CONFIDENCE = 0.90
BATCH = 4096
DAY_H = 24


@dataclass(frozen=True, slots=True)
class Backtest:
    """Forecasts of several forecasters for the same `n` origins, in the unit of the measure.

    `truth` (n, HORIZON_H); `quantiles` by forecaster (n, HORIZON_H, len(QUANTILES)); `is_unseen`, `day` (n,):
    whether the place was left out, and the day of the origin; `network_share` by forecaster: how many of its
    forecasts were by the network, None of a baseline.
    """

    measure: str
    examples: Examples
    sensor_ids: Integers
    truth: Floats
    scale: Floats
    square_scale: Floats
    is_unseen: Booleans
    day: Integers
    quantiles: Mapping[str, Floats]
    network_share: Mapping[str, float | None]

    @property
    def baselines(self) -> list[str]:
        """The baselines among the forecasters."""
        return [name for name in self.quantiles if name in BASELINES]

    def chosen(self, who: str = ALL, group: str | None = None) -> Booleans:
        """A mask (n, HORIZON_H) of truths: of which places, of which group of horizons."""
        rows = {ALL: np.ones(len(self.day), bool), SEEN: ~self.is_unseen, UNSEEN: self.is_unseen}[who]
        mask = np.broadcast_to(rows[:, None], self.truth.shape)
        return mask if group is None else mask & in_group(group, self.truth.shape)

    def scores(self, name: str, who: str = ALL, group: str | None = None) -> Scores:
        """Scores of a forecaster."""
        return scores(
            self.quantiles[name], self.truth, self.scale, self.square_scale, chosen=self.chosen(who, group)
        )

    def best_baseline(self, who: str = ALL, group: str | None = None, *, loss: str = "mase") -> str:
        """The baseline with the lowest MASE there, or WQL."""
        return min(self.baselines, key=lambda name: getattr(self.scores(name, who, group), loss))

    def ratio(
        self, name: str, other: str, *, loss: str = "mase", who: str = ALL, group: str | None = None
    ) -> "Ratio":
        """The loss of one forecaster over that of another, with its interval by days drawn again."""
        mask = self.chosen(who, group) & np.isfinite(self.truth)
        mine, theirs = (self._loss_by_day(each, loss, mask) for each in (name, other))
        return bootstrapped(mine, theirs)

    def _loss_by_day(self, name: str, loss: str, mask: Booleans) -> Floats:
        said = self.quantiles[name]
        if loss == "mase":
            each = np.abs(said[..., MEDIAN] - self.truth) / self.scale[:, None]
        else:
            each = pinball(said.reshape(-1, len(QUANTILES)), self.truth.reshape(-1))[:, DECILES].sum(axis=1)
            each = each.reshape(self.truth.shape)
        _, number = np.unique(self.day, return_inverse=True)
        return np.asarray(
            np.bincount(number, weights=np.where(mask, each, 0.0).sum(axis=1)), dtype=np.float64
        )


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of losses with its interval of `CONFIDENCE`; below 1 is better. NaN where nothing came."""

    value: float
    low: float
    high: float

    @property
    def skill(self) -> tuple[float, float, float]:
        """1 - ratio: value, low, high."""
        return 1 - self.value, 1 - self.high, 1 - self.low


def bootstrapped(mine: Floats, theirs: Floats, *, seed: int = 1) -> Ratio:
    """The ratio of two sums over days, and its interval from days drawn with replacement."""
    if not theirs.sum() > 0:
        return Ratio(float("nan"), float("nan"), float("nan"))
    drawn = np.random.default_rng(seed).integers(0, len(mine), (DRAWS, len(mine)))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = mine[drawn].sum(axis=1) / theirs[drawn].sum(axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(ratios, [tail, 1 - tail])
    return Ratio(float(mine.sum() / theirs.sum()), float(low), float(high))


def backtest(
    ready: Prepared,
    models: Mapping[str, ModelBundle],
    *,
    peers: Mapping[str, Callable[[Examples], Floats]] | None = None,
) -> Backtest:
    """Forecast every test origin by each model as it would be served, and by the baselines.

    Methods are as in serving: outside of a model's training ranges its forecast is the blend.
    """
    examples = ready.protocol.test(ready.data)
    table = ready.data.table
    facts = facts_of(ready.around, ready.spec, examples)
    quantiles = {
        name: restored(each.quantiles(facts), table.measure) for name, each in ready.baselines.items()
    }
    shares: dict[str, float | None] = dict.fromkeys(quantiles)
    for name, bundle in models.items():
        quantiles[name], shares[name] = forecasts(bundle, ready, examples)
    for name, peer in (peers or {}).items():
        quantiles[name], shares[name] = peer(examples), None
    scale, square_scale = seasonal_scales(
        plausible(table.values[:, : ready.protocol.scale_columns(table)], table.measure)
    )
    starts_s = table.starts_at_s + 3600 * examples.columns
    truth = truths(plausible(table.values, table.measure), examples.series, examples.columns).astype(
        np.float64
    )
    return Backtest(
        table.measure, examples, table.sensor_ids[examples.series], truth, scale[examples.series],
        square_scale[examples.series], ready.protocol.left_out(ready.data)[examples.series],
        starts_s // 86_400, quantiles, shares,
    )  # fmt: skip


def forecasts(bundle: ModelBundle, ready: Prepared, examples: Examples) -> tuple[Floats, float | None]:
    """A model's quantiles for the examples, and the share of them that its network made; None of a baseline.

    Its bands are repaired day by day, as in serving: by the forecasts of the `DAYS_KEPT` days before whose
    truths had come by then, those of the validation span among them.
    """
    if bundle.network is None:
        said, _ = _raw_forecasts(bundle, ready, examples)
        return said, None
    before = _evenly(ready.split.validation, examples)
    whole = Examples(
        np.concatenate([before.series, examples.series]), np.concatenate([before.columns, examples.columns])
    )
    said, share = _raw_forecasts(bundle, ready, whole)
    repaired = _repaired(said, ready, whole)
    return repaired[len(before) :], share


def _evenly(validation: Examples, examples: Examples) -> Examples:
    """Validation examples at about the step of the test's."""
    return validation.where(slice(None, None, max(1, len(validation) // max(len(examples), 1))))


def _raw_forecasts(bundle: ModelBundle, ready: Prepared, examples: Examples) -> tuple[Floats, float]:
    around = bundle.surroundings(ready.data.table)
    parts = [
        bundle.predict_at(around, examples.series[at : at + BATCH], examples.columns[at : at + BATCH])
        for at in range(0, len(examples), BATCH)
    ]
    methods = [method for part in parts for method in part.methods]
    by_network = sum(method in {Method.RNN, Method.RNN_COLD} for method in methods)
    return np.concatenate([part.quantiles for part in parts]), by_network / len(methods)


def _repaired(said: Floats, ready: Prepared, examples: Examples) -> Floats:
    """The forecasts, each day's bands by what was known when it began."""
    measure = ready.data.table.measure
    scaled = transformed(said, measure)
    came = truths(ready.around.values, examples.series, examples.columns).astype(np.float64)
    day = (ready.data.table.starts_at_s // 3600 + examples.columns) // DAY_H
    repaired = said.copy()
    for today in np.unique(day):
        is_known = (day < today - 1) & (day >= today - 1 - DAYS_KEPT)
        if is_known.any():
            found, now = band_factors(scaled[is_known], came[is_known]), day == today
            factors = trusted(found, days=len(np.unique(day[is_known])))
            repaired[now] = restored(widened(scaled[now], factors), measure)
    return repaired


def rows(tested: Backtest) -> list[dict[str, float | int | str]]:
    """A row for each forecaster: of all, seen and unseen places, of all horizons and each group."""
    found: list[dict[str, float | int | str]] = []
    for name in tested.quantiles:
        for who in WHO:
            for group in (None, *HORIZON_GROUPS):
                each = tested.scores(name, who, group)
                if not each.count:
                    continue
                best = tested.best_baseline(who, group)
                skill, low, high = tested.ratio(name, best, who=who, group=group).skill
                found.append({
                    "forecaster": name, "places": who, "horizons": group or "all", "count": each.count,
                    "mase": each.mase, "wql": each.wql, "mae": each.mae, "rmsse": each.rmsse,
                    "coverage_80": each.coverage_80, "bias": each.bias, "best_baseline": best,
                    "skill": skill, "skill_low": low, "skill_high": high,
                })  # fmt: skip
    return found

"""Whether a challenger may become champion: only on proof, on the same origins, else with the reason.

The rule is docs/decisions/0032; each limit has its name here.
"""

import time
from dataclasses import dataclass

import numpy as np

from contracts.forecasts import HORIZON_GROUPS
from contracts.measures import MEASURE_BY_NAME
from forecasting.bundle import ModelBundle
from forecasting.features import features, windows
from forecasting.hourly_table import Floats
from model_training.backtesting import UNSEEN, Backtest
from model_training.training import Prepared, unit_of

WQL_RATIO_MAX = 0.995  # of the champion's, or of the best baseline's where there is none
WQL_RATIO_HIGH_MAX = 1.005  # of the upper end of the interval
BASELINE_RATIO_MAX = 1.001  # of MASE and of WQL; a baseline that is served with its neighbours has 1.0002
GROUP_RATIO_MAX = 1.03
UNSEEN_RATIO_MAX = 1.02
COVERAGE, COVERAGE_MIN, COVERAGE_MAX = 0.8, 0.74, 0.86  # or nearer to it than what would be shown instead
NETWORK_SHARE_MIN = 0.8
RAW_SHARE_OUTSIDE_MAX = 0.01
LATENCY_MS_MAX = 1.0  # a series, on one thread
LATENCY_WINDOWS = 1000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says; `reasons` against it, none if it is accepted."""

    reasons: tuple[str, ...]
    facts: dict[str, float]

    @property
    def is_accepted(self) -> bool:
        """Whether the challenger may become champion."""
        return not self.reasons

    def also(self, reasons: list[str]) -> "Verdict":
        """The same verdict with more against it."""
        return Verdict((*self.reasons, *reasons), self.facts)


def judged(
    tested: Backtest, challenger: ModelBundle, ready: Prepared, *, name: str, champion: str | None
) -> Verdict:
    """The verdict on forecaster `name` of the back-test, against `champion`, or else the best baseline."""
    answer = _answer(challenger, ready, tested)
    if not np.isfinite(answer).all():
        return Verdict(("not_finite: the network answers NaN or infinity",), {})
    reference = champion or tested.best_baseline(loss="wql")
    reasons = [*_about_the_model(challenger, tested, name, answer)]
    facts = _facts(tested, name, reference)
    # A baseline may become the first champion; a network only if it gains something.
    needs_gain = champion is not None or challenger.network is not None
    reasons += _about_its_skill(facts, tested, reference, needs_gain=needs_gain)
    latency_ms = _latency_ms(challenger, ready, tested)
    if latency_ms > LATENCY_MS_MAX:
        reasons.append(f"too_slow: {latency_ms:.2f} ms a series; {LATENCY_MS_MAX:g} is allowed")
    return Verdict(tuple(reasons), facts)


def _about_the_model(challenger: ModelBundle, tested: Backtest, name: str, answer: Floats) -> list[str]:
    reasons = []
    if challenger.card.unit != unit_of(tested.measure):
        reasons.append(
            f"wrong_unit: {challenger.card.unit!r}; {tested.measure} is in {unit_of(tested.measure)!r}"
        )
    share = tested.network_share.get(name)
    if share is not None and share < NETWORK_SHARE_MIN:
        reasons.append(
            f"outside_its_ranges: the network may speak for {share:.0%} of the windows; it was trained "
            "on other data, or in another unit"
        )
    known = MEASURE_BY_NAME.get(tested.measure)
    if known is not None and challenger.network is not None:
        low, high = np.quantile(answer, [RAW_SHARE_OUTSIDE_MAX, 1 - RAW_SHARE_OUTSIDE_MAX])
        reach = known.high - known.low
        if low < known.low - reach or high > known.high + reach:
            reasons.append(f"implausible: forecasts from {low:.3g} to {high:.3g} {known.unit}")
    return reasons


def _facts(tested: Backtest, name: str, reference: str) -> dict[str, float]:
    by_mase, by_wql = (tested.best_baseline(loss=loss) for loss in ("mase", "wql"))
    whole = tested.scores(name)
    wql = tested.ratio(name, reference, loss="wql")
    facts = {
        "mase": whole.mase, "wql": whole.wql, "coverage_80": whole.coverage_80,
        "mase_over_best_baseline": whole.mase / tested.scores(by_mase).mase,
        "wql_over_best_baseline": whole.wql / tested.scores(by_wql).wql,
        "wql_over_reference": wql.value, "wql_over_reference_high": wql.high,
        "unseen_wql_over_reference": tested.ratio(name, reference, loss="wql", who=UNSEEN).value,
    }  # fmt: skip
    for group in HORIZON_GROUPS:
        facts[f"{group}_over_reference"] = tested.ratio(name, reference, group=group).value
    return facts


def _about_its_skill(
    facts: dict[str, float], tested: Backtest, reference: str, *, needs_gain: bool
) -> list[str]:
    reasons = []
    for loss in ("mase", "wql"):
        ratio, best = facts[f"{loss}_over_best_baseline"], tested.best_baseline(loss=loss)
        if not ratio <= BASELINE_RATIO_MAX:
            reasons.append(f"worse_than_baseline: {loss.upper()} {ratio:.3f} times that of {best}")
    if needs_gain and not facts["wql_over_reference"] <= WQL_RATIO_MAX:
        reasons.append(f"not_better: WQL {facts['wql_over_reference']:.3f} times that of {reference}")
    if not facts["wql_over_reference_high"] <= WQL_RATIO_HIGH_MAX:
        high = facts["wql_over_reference_high"]
        reasons.append(f"not_sure: WQL may be {high:.3f} times that of {reference}")
    for group in HORIZON_GROUPS:
        ratio = facts[f"{group}_over_reference"]
        if ratio > GROUP_RATIO_MAX:
            reasons.append(f"worse_at_{group}: MASE {ratio:.3f} times that of {reference}")
    if facts["unseen_wql_over_reference"] > UNSEEN_RATIO_MAX:
        ratio = facts["unseen_wql_over_reference"]
        reasons.append(f"worse_at_unseen_places: WQL {ratio:.3f} times that of {reference}")
    held, theirs = facts["coverage_80"], tested.scores(reference).coverage_80
    is_worse = abs(held - COVERAGE) >= abs(theirs - COVERAGE)
    if is_worse and not COVERAGE_MIN <= held <= COVERAGE_MAX:
        reasons.append(f"bad_band: {held:.3f} of the truths in the 80 % band, {theirs:.3f} in {reference}'s")
    return reasons


def _answer(challenger: ModelBundle, ready: Prepared, tested: Backtest) -> Floats:
    """What the network says before order and bounds, in the transformed unit; of a baseline its forecast."""
    card = challenger.card
    around = challenger.surroundings(ready.data.table)
    some = tested.examples.where(slice(None, LATENCY_WINDOWS))
    read = features(
        card.features, card.network_anchor, windows(around, card.features, some.series, some.columns)
    )
    if challenger.network is None:
        return (card.baseline or card.blend).baseline().quantiles(read.facts)
    return challenger.network(read.inputs) * read.spread[:, None, None] + read.level[:, None, None]


def _latency_ms(challenger: ModelBundle, ready: Prepared, tested: Backtest) -> float:
    """CPU of a forecast, by the best of three: a busy machine is no fault of the model."""
    around = challenger.surroundings(ready.data.table)
    some = tested.examples.where(slice(None, LATENCY_WINDOWS))
    taken = []
    for _ in range(3):
        began_s = time.process_time()
        challenger.predict_at(around, some.series, some.columns)
        taken.append(time.process_time() - began_s)
    return 1000 * min(taken) / len(some)

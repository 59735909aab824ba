"""What people see: tables and lines on standard output."""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from contracts.forecasts import HORIZON_GROUPS
from forecasting.registry import ModelRegistry
from model_training.backtesting import ALL, WHO, Backtest, Ratio
from model_training.gate import Verdict
from model_training.progress import Step
from model_training.splits import Split
from model_training.training import Prepared
from runtime.log_interfaces import Progress

WIDTH_WITHOUT_TERMINAL = 160  # the widest table, with its intervals
STEPS_SHOWN = 10

console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL)


def show_line(text: str) -> None:
    """One line, as it is."""
    console.print(text, markup=False, soft_wrap=True)


def reading_shown() -> Progress:
    """Shows how much of a log is read, at each tenth."""
    shown = 0

    def show(done: int, total: int) -> None:
        nonlocal shown
        if (step := done * STEPS_SHOWN // max(total, 1)) > shown:
            shown = step
            show_line(f"read {done:,} of {total:,} messages")

    return show


def show_split(ready: Prepared) -> None:
    """How much there is to learn from."""
    is_validated = ready.design.network.is_validated
    show_line(f"{ready.data.table.measure}: {_counted(ready.split, is_validated=is_validated)}")
    for city in ready.also:
        show_line(f"{city.data.fingerprint.source}, too: {_counted(city.split, is_validated=is_validated)}")


def _counted(split: Split, *, is_validated: bool) -> str:
    if not is_validated:
        return f"{len(split.known):,} windows to train on, none kept back for validation"
    return f"{len(split.train):,} windows to train on, {len(split.validation):,} to validate on"


def show_step(step: Step) -> None:
    """One validation on the way."""
    best = "  best so far" if step.is_best and not step.is_learnt else ""
    judged = "what it learns from" if step.is_learnt else "validation"
    show_line(
        f"seed {step.seed}  step {step.step:4}  loss {step.loss:.4f}  {judged} {step.validation_loss:.4f}  "
        f"skill over the blend {step.skill:+.1%}  {step.elapsed_s:.0f} s{best}"
    )


def show_backtest(tested: Backtest) -> None:
    """Scores of every forecaster, then skill over the best baseline by horizon, of seen and unseen places."""
    show_line(
        f"{tested.measure}: {len(tested.day):,} forecasts of {len(set(tested.sensor_ids.tolist()))} sensors"
    )
    console.print(_scores_table(tested))
    for who in WHO:
        if tested.chosen(who).any():
            console.print(_skill_table(tested, who))


def show_check(version: str, tested: Backtest) -> None:
    """Scores of a champion beside the baselines, and its skill in a sentence."""
    sensors, share = len(set(tested.sensor_ids.tolist())), tested.network_share[version]
    show_line(f"\n{tested.measure}: {len(tested.day):,} forecasts of {sensors} sensors by {version}")
    console.print(_scores_table(tested))
    best = tested.best_baseline()
    by_whom = f"{share:.0%} of them by the network, the others by its blend" if share else "all by its blend"
    show_line(f"skill in MASE over {best}: {skill_text(tested.ratio(version, best))}; {by_whom}")


def _scores_table(tested: Backtest) -> Table:
    groups = list(HORIZON_GROUPS)
    # Where no place was left out, or all were, there is nothing to tell apart.
    places = WHO if all(tested.chosen(who).any() for who in WHO) else (ALL,)
    table = Table("forecaster", "MASE", *places[1:], "WQL", "MAE", "RMSSE", "cover 80", *groups, box=None)
    for name in tested.quantiles:
        whole = tested.scores(name)
        mase = [tested.scores(name, who).mase for who in places]
        by_group = [tested.scores(name, ALL, group).mase for group in groups]
        table.add_row(
            name,
            *(f"{each:.3f}" for each in (*mase, whole.wql)),
            f"{whole.mae:.2f}",
            *(f"{each:.3f}" for each in (whole.rmsse, whole.coverage_80, *by_group)),
        )
    return table


def _skill_table(tested: Backtest, who: str) -> Table:
    title = f"skill in MASE over the best baseline, {who} places, with the interval of 90 %"
    table = Table("forecaster", "all horizons", *HORIZON_GROUPS, box=None, title=title, title_justify="left")
    for name in tested.quantiles:
        if name in tested.baselines:
            continue
        cells = [
            skill_text(tested.ratio(name, tested.best_baseline(who, group), who=who, group=group))
            for group in (None, *HORIZON_GROUPS)
        ]
        table.add_row(name, *cells)
    return table


def skill_text(ratio: Ratio) -> str:
    """A skill with its interval."""
    value, low, high = ratio.skill
    return f"{value:+.1%} ({low:+.1%} … {high:+.1%})"


def show_verdict(version: str, verdict: Verdict) -> None:
    """What the gate says, and why."""
    if verdict.is_accepted:
        show_line(f"{version} is champion")
    else:
        show_line(f"{version} is refused:")
        for reason in verdict.reasons:
            show_line(f"  {reason}")
    for name, value in verdict.facts.items():
        show_line(f"    {name} {value:.3f}")


def show_models(registry: ModelRegistry, measures: Iterable[str]) -> None:
    """Every version, oldest first; a star marks the champion."""
    table = Table("measure", "", "version", "kind", "trained until", "observed hours", "data", box=None)
    for measure in measures:
        champion = registry.champion(measure)
        for version in registry.versions(measure):
            card = registry.card(measure, version)
            made = card.training
            star = "*" if champion and champion.version == version else ""
            facts = ("", "", "")
            if made is not None:
                facts = (moment(made.trained_until_s), f"{made.data.observed_hours:,}", made.data.source)
            table.add_row(measure, star, version, card.kind, *facts)
    console.print(table)


def moment(at_s: int) -> str:
    """A time as people write it, UTC."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M")


def show_comparison(tested: Backtest, one: str, other: str) -> None:
    """Two forecasters side by side, and the skill of one over the other."""
    console.print(_scores_table(tested))
    table = Table("places", "horizons", f"{one} over {other}: MASE", "WQL", box=None)
    for who in WHO:
        for group in (None, *HORIZON_GROUPS):
            if tested.scores(one, who, group).count:
                mase, wql = (
                    tested.ratio(one, other, loss=loss, who=who, group=group) for loss in ("mase", "wql")
                )
                table.add_row(who, group or "all", skill_text(mase), skill_text(wql))
    console.print(table)


def show_card(card: object) -> None:
    """A card as JSON."""
    console.print_json(data=card)

"""One self-contained HTML page: what a model is worth, where, and how sure that is."""

from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, select_autoescape
from matplotlib.figure import Figure

from contracts.forecasts import HORIZON_GROUPS, HORIZON_H, QUANTILES
from forecasting.bundle import ModelBundle
from forecasting.hourly_table import Floats
from forecasting.scores import HIGH_80, LOW_80, MEDIAN
from model_training.backtesting import ALL, SEEN, UNSEEN, Backtest
from model_training.progress import Step
from model_training.screen import moment, skill_text
from model_training.training import Prepared, unit_of

EXAMPLES = 6
RANKED = 5
PAST_H = 48
INK, BAND, TRUTH, GREY = "#1b4965", "#62b6cb", "#d1495b", "#9aa5b1"
COLOURS = ("#1b4965", "#d1495b", "#edae49", "#66a182", "#9aa5b1", "#7b2d8b")


def page(
    ready: Prepared, tested: Backtest, models: Mapping[str, ModelBundle], curves: Mapping[str, Sequence[Step]]
) -> str:
    """The page of the models of one measure; the first of them is the one that examples are shown of."""
    name = next(iter(models), "blend")
    sections = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(["html"])
    ).get_template("report.html")
    return sections.render(
        measure=tested.measure, unit=unit_of(tested.measure), name=name, tested=tested, models=models,
        span=_span(ready, tested), scores=_score_rows(tested), skills=_skill_rows(tested),
        skill_plot=_skill_plot(tested), calibration_plot=_calibration_plot(tested),
        example_plot=_example_plot(ready, tested, name), curve_plot=_curve_plot(curves),
        best=_sensors(tested, name)[:RANKED], worst=_sensors(tested, name)[::-1][:RANKED],
        cards=[(version, each.card) for version, each in models.items()], moment=moment,
    )  # fmt: skip


def _span(ready: Prepared, tested: Backtest) -> dict[str, Any]:
    starts_s = ready.data.table.starts_at_s + 3600 * tested.examples.columns
    return {
        "first": moment(int(starts_s.min())), "last": moment(int(starts_s.max())),
        "forecasts": len(tested.day),
        "sensors": len(set(tested.sensor_ids.tolist())), "unseen": int(tested.is_unseen.sum()),
    }  # fmt: skip


def _score_rows(tested: Backtest) -> list[list[str]]:
    rows = []
    for name in tested.quantiles:
        for who in (ALL, SEEN, UNSEEN):
            each = tested.scores(name, who)
            if each.count:
                numbers = (each.mase, each.wql, each.mae, each.rmsse, each.coverage_80, each.bias)
                rows.append([name, who, *(f"{number:.3f}" for number in numbers)])
    return rows


def _skill_rows(tested: Backtest) -> list[list[str]]:
    """Skill over each baseline, with its interval: forecaster, places, baseline, all horizons, each group."""
    rows = []
    for name in _others(tested):
        for who in (ALL, SEEN, UNSEEN):
            if not tested.chosen(who).any():
                continue
            for baseline in tested.baselines:
                ratios = (
                    tested.ratio(name, baseline, who=who, group=group) for group in (None, *HORIZON_GROUPS)
                )
                cells = [skill_text(ratio) for ratio in ratios]
                rows.append([name, who, baseline, *cells])
    return rows


def _others(tested: Backtest) -> list[str]:
    return [name for name in tested.quantiles if name not in tested.baselines]


def _skill_plot(tested: Backtest) -> str:
    """MASE by horizon of every forecaster, and skill over each baseline with its interval."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    hours = np.arange(1, HORIZON_H + 1)
    for number, name in enumerate(tested.quantiles):
        error = np.abs(tested.quantiles[name][..., MEDIAN] - tested.truth) / tested.scale[:, None]
        left.plot(hours, np.nanmean(error, axis=0), color=COLOURS[number % len(COLOURS)], label=name)
    left.set(xlabel="horizon, h", ylabel="MASE", title="error by horizon", ylim=(0, None))
    left.legend(frameon=False, fontsize=8)
    groups = list(HORIZON_GROUPS)
    for name in _others(tested)[:1]:
        for number, baseline in enumerate(tested.baselines):
            skills = np.array([tested.ratio(name, baseline, group=group).skill for group in groups])
            at = np.arange(len(groups)) + 0.2 * (number - 1)
            reach = np.abs(skills[:, 1:] - skills[:, :1]).T
            right.errorbar(
                at,
                skills[:, 0],
                reach,
                fmt="o",
                capsize=3,
                color=COLOURS[number + 1],
                label=f"over {baseline}",
            )
    right.axhline(0, color=GREY, linewidth=0.8)
    right.set_xticks(range(len(groups)), groups)
    right.set(xlabel="horizons", ylabel="skill", title="skill with the interval of 90 %")
    right.legend(frameon=False, fontsize=8)
    return _svg(figure)


def _calibration_plot(tested: Backtest) -> str:
    """How often the truth lay below each quantile, and in the 80 % band by horizon."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    known = np.isfinite(tested.truth)
    left.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    for number, name in enumerate(tested.quantiles):
        below = (tested.truth[..., None] <= tested.quantiles[name])[known].mean(axis=0)
        left.plot(QUANTILES, below, "o-", markersize=3, color=COLOURS[number % len(COLOURS)], label=name)
        said = tested.quantiles[name]
        inside = (tested.truth >= said[..., LOW_80]) & (tested.truth <= said[..., HIGH_80])
        covered = np.where(known, inside, 0).sum(axis=0) / known.sum(axis=0)
        right.plot(np.arange(1, HORIZON_H + 1), covered, color=COLOURS[number % len(COLOURS)])
    left.set(xlabel="quantile", ylabel="share of truths below", title="calibration")
    left.legend(frameon=False, fontsize=8)
    right.axhspan(0.76, 0.84, color=BAND, alpha=0.2)
    right.set(
        xlabel="horizon, h", ylabel="share in the 80 % band", title="coverage by horizon", ylim=(0.5, 1)
    )
    return _svg(figure)


def _example_plot(ready: Prepared, tested: Backtest, name: str) -> str:
    """Forecasts with their bands beside what came: spread evenly over the test span."""
    figure = Figure(figsize=(11, 5.6), layout="constrained")
    table = ready.data.table
    whole = np.flatnonzero(np.isfinite(tested.truth).mean(axis=1) > 0.9)
    whole = whole if len(whole) else np.arange(len(tested.day))
    chosen = whole[np.argsort(tested.examples.columns[whole], kind="stable")]
    chosen = chosen[np.linspace(0, len(chosen) - 1, EXAMPLES).astype(int)]
    for axis, number in zip(figure.subplots(2, 3).ravel(), chosen, strict=True):
        column, row = int(tested.examples.columns[number]), int(tested.examples.series[number])
        first = max(column - PAST_H, 0)
        said, hours = tested.quantiles[name][number], np.arange(HORIZON_H)
        axis.plot(np.arange(first - column, 0), table.values[row, first:column], color=INK, linewidth=1)
        axis.plot(hours, tested.truth[number], color=TRUTH, linewidth=1.2, label="came")
        axis.fill_between(hours, said[:, 0], said[:, -1], color=BAND, alpha=0.25, label="90 %")
        axis.fill_between(hours, said[:, LOW_80], said[:, HIGH_80], color=BAND, alpha=0.4, label="80 %")
        axis.plot(hours, said[:, MEDIAN], color=INK, linestyle="--", linewidth=1, label="said")
        place = "unseen" if tested.is_unseen[number] else "seen"
        axis.set_title(
            f"{table.sensor_ids[row]} ({place}), {moment(table.starts_at_s + 3600 * column)}", fontsize=8
        )
        axis.tick_params(labelsize=7)
    figure.axes[0].legend(frameon=False, fontsize=7)
    return _svg(figure)


def _curve_plot(curves: Mapping[str, Sequence[Step]]) -> str:
    if not any(curves.values()):
        return ""
    figure = Figure(figsize=(11, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for version, steps in curves.items():
        for number, seed in enumerate(sorted({step.seed for step in steps})):
            own = [step for step in steps if step.seed == seed]
            at, colour = [step.step for step in own], COLOURS[number % len(COLOURS)]
            left.plot(
                at,
                [step.validation_loss for step in own],
                color=colour,
                label=f"{version[-8:]} seed {seed}",
            )
            left.plot(at, [step.loss for step in own], color=colour, linestyle=":")
            right.plot(at, [step.skill for step in own], color=colour)
    learnt = any(step.is_learnt for steps in curves.values() for step in steps)
    judged = "days that are learnt from, too" if learnt else "validation"
    left.set(xlabel="step", title=f"loss: {judged}, and training (dotted)")
    left.legend(frameon=False, fontsize=7)
    right.set(xlabel="step", title=f"skill over the blend on {judged}")
    return _svg(figure)


def _sensors(tested: Backtest, name: str) -> list[tuple[int, str, int, float, float]]:
    """Sensor, seen or unseen, truths, MASE, skill over the blend; the highest skill first."""
    found = []
    for sensor in np.unique(tested.sensor_ids):
        own = tested.sensor_ids == sensor
        error, plain = (_mase(tested, each, own) for each in (name, "blend"))
        count = int(np.isfinite(tested.truth[own]).sum())
        place = UNSEEN if tested.is_unseen[own][0] else SEEN
        found.append((int(sensor), place, count, error, 1 - error / plain if plain else 0.0))
    return sorted(found, key=lambda each: -each[4])


def _mase(tested: Backtest, name: str, own: Floats) -> float:
    error = np.abs(tested.quantiles[name][own][..., MEDIAN] - tested.truth[own]) / tested.scale[own][:, None]
    return float(np.nanmean(error))


def _svg(figure: Figure) -> str:
    held = StringIO()
    figure.savefig(held, format="svg")
    text = held.getvalue()
    return text[text.index("<svg") :]

"""Whether the forecasts are worth their name: against each baseline, by measure and horizon."""

from typing import Any

from grafana_foundation_sdk.models.dashboard import Dashboard

from contracts.stored import FORECAST_SKILLS
from dashboards import scales, variables
from dashboards.boards.forecast import FORECAST_MEASURES
from dashboards.frame import Line, Section, board
from dashboards.panels import COUNT, SHARE, coloured_background, in_columns, lines, rows, set_to, states
from dashboards.queries import INFLUX, PROMETHEUS, influx, influx_table, promql, promql_table, stored
from dashboards.variables import chosen

SKILLS = stored(FORECAST_SKILLS)
BASELINES = {"blend": "the blend", "naive": "the last value", "seasonal_naive": "the same hour of yesterday"}
HERE = f"{chosen('measure', 'method')} AND $timeFilter"
COVERAGE_MEANT = 0.8
SKILL_STEPS = ((None, scales.RED), (0.0, scales.YELLOW), (0.05, scales.GREEN))


def forecast_skill() -> Dashboard:
    """The dashboard."""
    return board(
        "forecast-skill",
        "How forecasts did against what came: skill against baselines, coverage, bias, and who is champion.",
        [
            variables.data_source(INFLUX),
            variables.data_source(PROMETHEUS),
            variables.forecast_measure(),
            variables.method(),
        ],
        [
            Section("All measures", [Line(9, [(_table(), 14), (_last_day(), 10)])]),
            Section(
                "$measure: skill against baselines, by horizon",
                [Line(9, [(_skill(name), 8) for name in BASELINES])],
            ),
            Section(
                "$measure: is the band honest",
                [Line(9, [(_coverage(), 8), (_ratio("mase", "Error, scaled", _MASE), 8), (_bands(), 8)])],
            ),
            Section(
                "Error in the unit of each measure, by horizon",
                [
                    Line(
                        8,
                        [
                            (_error(name, "mae"), width)
                            for name, width in zip(FORECAST_MEASURES, _FIVE, strict=True)
                        ],
                    ),
                    Line(
                        8,
                        [
                            (_error(name, "bias"), width)
                            for name, width in zip(FORECAST_MEASURES, _FIVE, strict=True)
                        ],
                    ),
                ],
            ),
            Section("Champions", [Line(9, [(_champions(), 14), (_demoted(), 10)])]),
        ],
        time=("now-7d", "now"),
        refresh="5m",
    )


_FIVE = (5, 5, 5, 5, 4)
_MASE = "Mean absolute error over that of the seasonal naive forecast of the week before: below 1 is better than it."


def _table() -> Any:
    columns = ", ".join(f'mean("skill_{name}") AS "skill over {name}"' for name in BASELINES)
    query = (
        f'SELECT {columns}, mean("coverage_80") AS "coverage", sum("count") AS "scored" FROM {SKILLS} '
        'WHERE $timeFilter GROUP BY "measure", "method"'
    )
    panel = (
        rows(
            "Skill by measure and method",
            "Mean over the chosen time and all horizons: 1 − error / error of the baseline; above 0 it is better. "
            "Coverage: share of truths within the 80 % band.",
            SHARE,
            influx_table(query),
        )
        .thresholds(scales.steps(*SKILL_STEPS))
        .decimals(1)
    )
    for name in BASELINES:
        panel = panel.override_by_name(f"skill over {name}", coloured_background())
    panel = panel.override_by_name("scored", [set_to("unit", COUNT), set_to("decimals", 0)])
    return in_columns(
        panel, "measure", "method", *(f"skill over {name}" for name in BASELINES), "coverage", "scored"
    )


def _last_day() -> Any:
    return lines(
        "Skill of the champions over their last 24 hours",
        "1 − error / error of the blend, as the predictor keeps it; below 0 for 48 hours, the blend is shown instead.",
        SHARE,
        promql("max by (measure) (app_predict_skill_24h_ratio)", legend="{{measure}}"),
    )


def _skill(baseline: str) -> Any:
    return _by_horizon(
        f"skill_{baseline}",
        f"Skill over {BASELINES[baseline]}",
        "1 − error / error of that baseline on the same hours; above 0 the forecast is better. Hours ahead in the legend.",
        SHARE,
    )


def _coverage() -> Any:
    panel = _by_horizon(
        "coverage_80",
        "Coverage of the 80 % band",
        f"Share of truths within the band from the 10th to the 90th percentile: {COVERAGE_MEANT:.0%} is meant.",
        SHARE,
    )
    return panel.min(0).max(1)


def _ratio(field: str, title: str, about: str) -> Any:
    return _by_horizon(field, title, about, COUNT)


def _bands() -> Any:
    return lines(
        "How much bands are stretched",
        "Factor by which the predictor widens the 80 % band so that it holds its share of truths, by horizon.",
        COUNT,
        promql(
            'avg by (horizon_group) (app_predict_band_factor_ratio{measure="$measure"})',
            legend="{{horizon_group}}",
        ),
    )


def _by_horizon(field: str, title: str, about: str, unit: str) -> Any:
    query = f'SELECT mean("{field}") FROM {SKILLS} WHERE {HERE} GROUP BY time($__interval), "horizon_group" fill(none)'
    return lines(title, about, unit, influx(query, alias="$tag_horizon_group")).interval("1h")


def _error(name: str, field: str) -> Any:
    measure = scales.measure(name)
    word, about = {
        "mae": ("error", "Mean absolute error of the median over all sensors and methods, by hours ahead."),
        "bias": ("bias", "Median less truth, mean over all sensors and methods, by hours ahead: 0 is meant."),
    }[field]
    query = (
        f'SELECT mean("{field}") FROM {SKILLS} WHERE "measure" = \'{name}\' AND $timeFilter '
        'GROUP BY time($__interval), "horizon_group" fill(none)'
    )
    return lines(
        f"{scales.title_of(measure)}: {word}",
        about,
        scales.unit_of(measure),
        influx(query, alias="$tag_horizon_group"),
    ).interval("1h")


def _champions() -> Any:
    query = (
        f'SELECT last("model") FROM {SKILLS} WHERE $timeFilter AND "method" = \'rnn\' '
        'GROUP BY time(1h), "measure" fill(none)'
    )
    return states(
        "Champions over time",
        "The version that forecast each scored hour: a promotion is where it changes. Versions begin with their date.",
        "string",
        influx(query, alias="$tag_measure"),
    )


def _demoted() -> Any:
    demoted = "group_left max by (measure) (app_predict_champion_demoted)"
    panel = rows(
        "Champions now",
        "The version that is served, by measure. One that was below the blend for 48 hours is demoted: the blend is shown.",
        COUNT,
        promql_table(f"max by (measure, version) (app_predict_champion == 1) * 0 + on (measure) {demoted}"),
    ).override_by_name(
        "Value",
        [
            set_to("displayName", "state"),
            set_to("mappings", scales.yes_or_no("demoted", "champion", is_good=False)),
        ],
    )
    return in_columns(panel, "measure", "version", "Value")

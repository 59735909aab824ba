"""Every metric of the predictor, each once, with its meaning."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from contracts.forecasts import HORIZON_GROUPS, ForecastSkill
from forecasting.hourly_table import Floats
from forecasting.scores import HIGH_80, LOW_80

BASELINES = ("blend", "naive", "seasonal_naive")
_SKILL = ["measure", "horizon_group", "method"]


class Metrics:
    """What the predictor counts; `registry` is served at /metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, about: str, labels: list[str]) -> Gauge:
            return Gauge(f"app_predict_{name}", about, labels, registry=registry)

        def counter(name: str, about: str, labels: list[str]) -> Counter:
            return Counter(f"app_predict_{name}", about, labels, registry=registry)

        self.forecasts_issued = counter(
            "forecasts_issued",
            "Forecasts acknowledged by Kafka, a sensor and hour each.",
            ["measure", "method"],
        )
        self.sensors_skipped = counter(
            "sensors_skipped", "Sensors without a forecast at an issue, by reason.", ["measure", "reason"]
        )
        self.forecasts_scored = counter(
            "forecasts_scored", "Hours of forecasts compared with their truth.", ["measure", "method"]
        )
        self.load_failures = counter(
            "model_load_failures", "Champions that could not be loaded; the one before stays.", ["measure"]
        )
        self.issued_at_s = gauge(
            "issued_at_s",
            "Hour of the newest issue, Unix seconds; its age tells of a standstill.",
            ["measure"],
        )
        self.champion = gauge("champion", "1 for the version that is served now.", ["measure", "version"])
        self.is_demoted = gauge(
            "champion_demoted", "1 where the champion was below the blend for 48 hours.", ["measure"]
        )
        self.below_blend_h = gauge(
            "below_blend_hours",
            "Scored hours in a row at which the champion's error over a day was above the blend's; "
            "24 are an alert, at 48 it is demoted.",
            ["measure"],
        )
        self.skill_24h = gauge(
            "skill_24h_ratio", "1 - error / error of the blend, over the last 24 scored hours.", ["measure"]
        )
        self.mae = gauge("mae", "Mean absolute error in the last scored hour, in its unit.", _SKILL)
        self.bias = gauge("bias", "Median less truth in the last scored hour, in its unit.", _SKILL)
        self.mase = gauge("mase_ratio", "Mean absolute scaled error in the last scored hour.", _SKILL)
        self.wql = gauge("wql_ratio", "Weighted quantile loss in the last scored hour.", _SKILL)
        self.coverage = gauge(
            "coverage_80_ratio", "Share of truths within the 80 % band in the last scored hour.", _SKILL
        )
        self.skill = gauge(
            "skill_ratio",
            "1 - error / error of the baseline in the last scored hour.",
            [*_SKILL, "baseline"],
        )
        self.band_factor = gauge(
            "band_factor_ratio",
            "By how much the 80 % band is stretched to hold its share of truths; the mean of both sides.",
            ["measure", "horizon_group"],
        )
        self.missing = gauge(
            "input_missing_ratio", "Share of the last 24 hours that sensors did not measure.", ["measure"]
        )
        self.out_of_domain = gauge(
            "input_out_of_domain_ratio",
            "Share of sensors outside the ranges that the champion was trained on.",
            ["measure"],
        )
        self.issue_seconds = Histogram(
            "app_predict_issue_seconds",
            "Time from reading the store to the acknowledgement of all forecasts of an issue.",
            registry=registry,
            buckets=(0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0),
        )

    def show_skill(self, skill: ForecastSkill) -> None:
        """Show how the last scored hour did."""
        labels = (skill.measure, skill.horizon_group, skill.method.value)
        values = (
            (self.mae, skill.mae), (self.bias, skill.bias), (self.mase, skill.mase), (self.wql, skill.wql),
            (self.coverage, skill.coverage_80),
        )  # fmt: skip
        for gauge, value in values:
            if value is not None:
                gauge.labels(*labels).set(value)
        for baseline in BASELINES:
            value = getattr(skill, f"skill_{baseline}")
            if value is not None:
                self.skill.labels(*labels, baseline).set(value)

    def show_factors(self, measure: str, factors: Floats) -> None:
        """Show by how much the 80 % band is stretched."""
        for number, group in enumerate(HORIZON_GROUPS):
            mean = (factors[number, LOW_80] + factors[number, HIGH_80]) / 2
            self.band_factor.labels(measure, group).set(mean)

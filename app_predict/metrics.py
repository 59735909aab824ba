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
        self._registry = registry
        self._of_issues()
        self._of_champions()
        self._of_skill()
        self._of_input()

    def _gauge(self, name: str, about: str, labels: list[str]) -> Gauge:
        return Gauge(f"app_predict_{name}", about, labels, registry=self._registry)

    def _counter(self, name: str, about: str, labels: list[str]) -> Counter:
        return Counter(f"app_predict_{name}", about, labels, registry=self._registry)

    def _of_issues(self) -> None:
        self.forecasts_issued = self._counter(
            "forecasts_issued",
            "Forecasts acknowledged by Kafka, a sensor and hour each.",
            ["measure", "method"],
        )
        self.sensors_skipped = self._counter(
            "sensors_skipped", "Sensors without a forecast at an issue, by reason.", ["measure", "reason"]
        )
        self.forecasts_scored = self._counter(
            "forecasts_scored", "Hours of forecasts compared with their truth.", ["measure", "method"]
        )
        self.issued_at_s = self._gauge(
            "issued_at_s",
            "Hour of the newest issue, Unix seconds; its age tells of a standstill.",
            ["measure"],
        )
        self.issue_seconds = Histogram(
            "app_predict_issue_seconds",
            "Time from reading the store to the acknowledgement of all forecasts of an issue.",
            registry=self._registry,
            buckets=(0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0),
        )

    def _of_champions(self) -> None:
        self.load_failures = self._counter(
            "model_load_failures", "Champions that could not be loaded; the one before stays.", ["measure"]
        )
        self.champion = self._gauge(
            "champion", "1 for the version that is served now.", ["measure", "version"]
        )
        self.is_demoted = self._gauge(
            "champion_demoted", "1 where the champion was below the blend for 48 hours.", ["measure"]
        )
        self.below_blend_h = self._gauge(
            "below_blend_hours",
            "Scored hours in a row at which the champion's error over a day was above the blend's; "
            "24 are an alert, at 48 it is demoted.",
            ["measure"],
        )

    def _of_skill(self) -> None:
        self.skill_24h = self._gauge(
            "skill_24h_ratio", "1 - error / error of the blend, over the last 24 scored hours.", ["measure"]
        )
        self.mae = self._gauge("mae", "Mean absolute error in the last scored hour, in its unit.", _SKILL)
        self.bias = self._gauge("bias", "Median less truth in the last scored hour, in its unit.", _SKILL)
        self.mase = self._gauge("mase_ratio", "Mean absolute scaled error in the last scored hour.", _SKILL)
        self.wql = self._gauge("wql_ratio", "Weighted quantile loss in the last scored hour.", _SKILL)
        self.coverage = self._gauge(
            "coverage_80_ratio", "Share of truths within the 80 % band in the last scored hour.", _SKILL
        )
        self.skill = self._gauge(
            "skill_ratio",
            "1 - error / error of the baseline in the last scored hour.",
            [*_SKILL, "baseline"],
        )
        self.band_factor = self._gauge(
            "band_factor_ratio",
            "By how much the 80 % band is stretched to hold its share of truths; the mean of both sides.",
            ["measure", "horizon_group"],
        )

    def _of_input(self) -> None:
        self.missing = self._gauge(
            "input_missing_ratio", "Share of the last 24 hours that sensors did not measure.", ["measure"]
        )
        self.out_of_domain = self._gauge(
            "input_out_of_domain_ratio",
            "Share of sensors outside the ranges that the champion was trained on.",
            ["measure"],
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

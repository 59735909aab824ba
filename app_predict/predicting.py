"""The work of an hour: read the last days, score what came true, forecast what comes, publish both."""

import threading
from collections import Counter
from dataclasses import dataclass

import numpy as np
import structlog

from app_predict.champions import Champions
from app_predict.forecasts import NO_MODEL, Made, made, messages
from app_predict.hourly_source import HourlySource
from app_predict.issue import Issue
from app_predict.issue_times import due_at_s, due_issue_s, is_complete
from app_predict.metrics import Metrics
from app_predict.recent_hours import RecentHours
from app_predict.settings import Settings
from app_predict.state_folder import Record, StateFolder
from app_predict.stopgap import fitted_blend
from app_predict.verification import Verified, verified
from contracts.errors import UnavailableError
from contracts.forecasts import HORIZON_H, QUANTILES
from contracts.topics import FORECAST_SKILL, FORECASTS
from forecasting.hourly_table import HOUR_S, HourlyTable
from forecasting.scores import DAY_H
from runtime.clock import Clock
from runtime.health import Health
from runtime.log_interfaces import Publisher

log = structlog.get_logger()

# A week for the blend, and the day before it for the seasonal naive error.
HOURS_READ = 8 * DAY_H
MINUTE_S = 60
MESSAGES_A_TICK = 1_000


class StoppedError(UnavailableError):
    """The process was told to stop in the middle of an issue; it is made again after the next start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the predictor works with."""

    source: HourlySource
    champions: Champions
    state: StateFolder
    metrics: Metrics
    health: Health
    clock: Clock
    stopping: threading.Event


class Predictor:
    """Makes each issue once, as soon as its last hour is stored."""

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        self._settings, self._around = settings, around
        self._patient_since_s = around.clock.now_s()

    @property
    def is_due(self) -> bool:
        """Whether the newest hour that may be issued was not issued yet."""
        return bool(self._waiting(self._due_s()))

    def show_earlier(self) -> None:
        """Show in the metrics what was issued before this start."""
        for measure in self._settings.measure_names:
            for issued_at_s in self._around.state.issued_at(measure)[-1:]:
                self._around.metrics.issued_at_s.labels(measure).set(issued_at_s)

    def due(self) -> int | None:
        """The hour to issue now; None where it is issued, or its last hour is not stored yet.

        Raises UnavailableError where the store does not answer.
        """
        issued_at_s = self._due_s()
        return issued_at_s if self._waiting(issued_at_s) and self._is_ready(issued_at_s) else None

    def work(self, issued_at_s: int, publisher: Publisher) -> int:
        """Score, issue and remember one hour; how many forecasts were published.

        Raises UnavailableError where a server does not answer: what was published is then said again.
        """
        hours = self.read(issued_at_s)
        waiting = self._waiting(issued_at_s)
        with self._around.metrics.issue_seconds.time():
            return sum(self._work_on(hours, measure, publisher) for measure in waiting)

    def read(self, issued_at_s: int) -> RecentHours:
        """The hours before an issue, of every measure that takes part."""
        names = self._measures_read()
        starts_at_s = issued_at_s - HOURS_READ * HOUR_S
        hours = RecentHours(names, starts_at_s=starts_at_s, hours=HOURS_READ)
        for rows in self._around.source.rows(names, starts_at_s=starts_at_s, hours=HOURS_READ):
            hours.add(rows)
            self._around.health.tick()
            self._require_not_stopping()
        return hours

    def made(self, hours: RecentHours, measure: str, record: Record) -> Made | None:
        """The issue of one measure; None where no model can be had."""
        bundle = self._around.champions.of(measure) or fitted_blend(_each_once(hours, measure, ()))
        if bundle is None:
            return None
        covariates = tuple(each.name for each in bundle.card.features.covariates)
        factors = {model: each.factors() for model, each in record.calibration_by_model.items()}
        return made(
            bundle,
            _each_once(hours, measure, covariates),
            factors,
            allows_network=record.standing is None or not record.standing.is_demoted,
        )

    def _work_on(self, hours: RecentHours, measure: str, publisher: Publisher) -> int:
        around = self._around
        around.health.tick()
        record = self._verify(_each_once(hours, measure, ()), publisher)
        made = self.made(hours, measure, record)
        issue = _nothing(measure, hours) if made is None else made.issue
        self._publish(issue, publisher)
        around.state.keep_issue(issue)
        if made is None:
            sensors = len(hours.table(measure).sensor_ids)
            around.metrics.sensors_skipped.labels(measure, NO_MODEL).inc(sensors)
        else:
            self._tell(made)
        around.metrics.issued_at_s.labels(measure).set(issue.issued_at_s)
        return len(issue.sensor_ids)

    def _verify(self, table: HourlyTable, publisher: Publisher) -> Record:
        champion = self._around.champions.of(table.measure)
        result = verified(
            self._around.state, table, champion=None if champion is None else champion.card.version
        )
        for skill in result.skills:
            publisher.publish(
                FORECAST_SKILL.name,
                FORECAST_SKILL.encode(skill),
                key=skill.measure,
                timestamp_ms=skill.valid_at_s * 1000,
            )
        publisher.flush()
        self._around.state.keep_record(table.measure, result.record)
        self._tell_scores(table.measure, result)
        return result.record

    def _publish(self, issue: Issue, publisher: Publisher) -> None:
        for number, message in enumerate(messages(issue, self._around.source.tags_by_sensor)):
            publisher.publish(
                FORECASTS.name,
                FORECASTS.encode(message),
                key=str(message.sensor_id),
                timestamp_ms=message.issued_at_s * 1000,
            )
            if number % MESSAGES_A_TICK == 0:
                self._around.health.tick()
                self._require_not_stopping()
        publisher.flush()

    def _require_not_stopping(self) -> None:
        if self._around.stopping.is_set():
            raise StoppedError("told to stop in the middle of an issue; it is made anew at the next start")

    def _tell(self, made: Made) -> None:
        measure, metrics = made.issue.measure, self._around.metrics
        by_method = Counter(made.issue.methods.tolist())
        for method, count in by_method.items():
            metrics.forecasts_issued.labels(measure, method).inc(count)
        for reason, count in made.skipped.items():
            metrics.sensors_skipped.labels(measure, reason).inc(count)
        metrics.missing.labels(measure).set(made.missing)
        metrics.out_of_domain.labels(measure).set(made.out_of_domain)
        log.info(
            "forecasts_issued",
            measure=measure,
            issued_at_s=made.issue.issued_at_s,
            by_method=dict(by_method),
            skipped=dict(made.skipped),
        )

    def _tell_scores(self, measure: str, result: Verified) -> None:
        metrics, record = self._around.metrics, result.record
        for skill in result.skills:
            metrics.show_skill(skill)
        for method, count in result.scored_by_method.items():
            metrics.forecasts_scored.labels(measure, method).inc(count)
        standing = record.standing
        if standing is None:
            return
        metrics.below_blend_h.labels(measure).set(standing.below_h)
        metrics.is_demoted.labels(measure).set(standing.is_demoted)
        if standing.skill is not None:
            metrics.skill_24h.labels(measure).set(standing.skill)
        if standing.model in record.calibration_by_model:
            metrics.show_factors(measure, record.calibration_by_model[standing.model].factors())
        if standing.is_alert:
            log.warning(
                "champion_below_blend", measure=measure, model=standing.model,
                below_h=standing.below_h, is_demoted=standing.is_demoted,
            )  # fmt: skip

    def _due_s(self) -> int:
        return due_issue_s(self._around.clock.now_s(), minute=self._settings.issue_minute)

    def _waiting(self, issued_at_s: int) -> list[str]:
        state = self._around.state
        return [name for name in self._settings.measure_names if issued_at_s not in state.issued_at(name)]

    def _is_ready(self, issued_at_s: int) -> bool:
        counts = self._around.source.sensors_by_hour(
            self._settings.measure_names, starts_at_s=issued_at_s - DAY_H * HOUR_S, hours=DAY_H
        )
        if is_complete(counts, share=self._settings.complete_share):
            return True
        since_s = max(due_at_s(issued_at_s, minute=self._settings.issue_minute), self._patient_since_s)
        is_impatient = self._around.clock.now_s() - since_s > self._settings.patience_min * MINUTE_S
        return any(counts) and is_impatient

    def _measures_read(self) -> tuple[str, ...]:
        covariates: list[str] = []
        for measure in self._settings.measure_names:
            champion = self._around.champions.of(measure)
            if champion is not None:
                covariates += [each.name for each in champion.card.features.covariates]
        return tuple(dict.fromkeys((*self._settings.measure_names, *covariates)))


def _each_once(hours: RecentHours, measure: str, covariates: tuple[str, ...]) -> HourlyTable:
    return hours.table(measure, covariates).where_they_are()


def _nothing(measure: str, hours: RecentHours) -> Issue:
    """That the hour was looked at, and nothing could be said."""
    rows = np.empty((0, HORIZON_H, len(QUANTILES)), dtype=np.float32)
    words = np.empty(0, dtype=np.str_)
    return Issue(
        measure=measure, issued_at_s=hours.starts_at_s + hours.hours * HOUR_S,
        sensor_ids=np.empty(0, dtype=np.int64), methods=words, models=words,
        quantiles=rows, blend=rows[:, :, 0], last=rows[:, 0, 0], factors_by_model={},
    )  # fmt: skip

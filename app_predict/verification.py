"""Scores the forecasts of the hours whose truth has come, and draws the conclusions from it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from app_predict.calibration import Calibration
from app_predict.issue import issues_about
from app_predict.issue_times import hours_to_score
from app_predict.scoring import Scored, absolute_error, scored, skills, truth_of
from app_predict.standing import CHAMPION_METHODS, HourOfErrors, Standing, standing_of, with_hour
from app_predict.state_folder import Record, StateFolder, without_old_models
from contracts.forecasts import ForecastSkill
from forecasting.calibration import DAYS_KEPT
from forecasting.hourly_table import HOUR_S, HourlyTable
from forecasting.scores import DAY_H
from forecasting.transforms import transformed

DAY_S = DAY_H * HOUR_S


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of scoring: the record as it is now, the messages, and how many forecasts by method."""

    record: Record
    skills: list[ForecastSkill]
    scored_by_method: dict[str, int]


def verified(state: StateFolder, table: HourlyTable, *, champion: str | None) -> Verified:
    """Score every hour of the table, in which each sensor is once, that was not scored yet.

    `champion` is the version that is served now. The newest hours without any truth wait for it.
    """
    record = _for_champion(state.record(table.measure), champion)
    result = Verified(record, [], {})
    hours = hours_to_score(
        record.scored_until_s,
        issued_at_s=table.starts_at_s + table.hours * HOUR_S,
        oldest_s=table.starts_at_s + DAY_S,
    )
    for valid_at_s in hours:
        if np.isfinite(table.values[:, table.column(valid_at_s)]).any():
            result = _with_hour(result, state, table, valid_at_s)
    return result


def _with_hour(before: Verified, state: StateFolder, table: HourlyTable, valid_at_s: int) -> Verified:
    kept = set(state.issued_at(table.measure))
    issues = (state.issue(table.measure, at) for at in issues_about(valid_at_s) if at in kept)
    of_hour = scored((issue for issue in issues if issue is not None), truth_of(table, valid_at_s))
    record = replace(before.record, scored_until_s=valid_at_s)
    if not len(of_hour):
        return replace(before, record=record)
    calibrations = _calibrated(record, of_hour, table.measure, day=valid_at_s // DAY_S)
    standing = _judged(record.standing, of_hour, valid_at_s)
    record = without_old_models(
        Record(valid_at_s, standing, calibrations), day=valid_at_s // DAY_S, days_kept=DAYS_KEPT
    )
    return Verified(
        record,
        [*before.skills, *skills(table.measure, valid_at_s, of_hour)],
        _summed(before.scored_by_method, of_hour.methods.tolist()),
    )


def _for_champion(record: Record, champion: str | None) -> Record:
    """A new champion begins anew, whatever was said of the one before."""
    return record if champion is None else replace(record, standing=standing_of(champion, record.standing))


def _calibrated(record: Record, of_hour: Scored, measure: str, *, day: int) -> dict[str, Calibration]:
    """The calibrations with one more hour; each model has its own."""
    calibrations = dict(record.calibration_by_model)
    for model in np.unique(of_hour.models).tolist():
        part = of_hour.of(of_hour.models == model)
        calibration = calibrations.setdefault(model, Calibration())
        bands, truth = transformed(part.before_repair, measure), transformed(part.truth, measure)
        calibration.add(day, bands, truth, part.groups)
    return calibrations


def _judged(standing: Standing | None, of_hour: Scored, valid_at_s: int) -> Standing | None:
    """The standing after this hour, where the champion's network spoke of it and the blend could have."""
    if standing is None:
        return None
    judged = of_hour.of(
        np.isin(of_hour.methods, [method.value for method in CHAMPION_METHODS])
        & (of_hour.models == standing.model)
        & np.isfinite(of_hour.blend)
    )
    if not len(judged):
        return standing
    errors = float(absolute_error(judged).sum()), float(np.abs(judged.blend - judged.truth).sum())
    return with_hour(standing, HourOfErrors(valid_at_s, *errors))


def _summed(before: dict[str, int], methods: Iterable[str]) -> dict[str, int]:
    counts = dict(before)
    for method in methods:
        counts[method] = counts.get(method, 0) + 1
    return counts

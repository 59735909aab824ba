"""What outlives a restart: the issues of the last day and how they were scored. One folder, one process.

`<measure>/<issued_at>.npz` is an issue, `<measure>/record.npz` what came of the earlier ones; both whole or
not at all. Lost, nothing breaks: forecasts are issued, and are scored again a day later.
"""

import fcntl
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import structlog

from app_predict.calibration import STEPS, Calibration
from app_predict.issue import Issue
from app_predict.standing import Standing
from contracts.errors import UnavailableError
from contracts.forecasts import HORIZON_H, QUANTILES
from forecasting.calibration import GROUPS
from forecasting.hourly_table import HOUR_S

log = structlog.get_logger()

ISSUES_KEPT_S = 2 * HORIZON_H * HOUR_S
RECORD = "record.npz"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Record:
    """What came of the forecasts of one measure; `scored_until_s` is the last hour that was scored."""

    scored_until_s: int | None = None
    standing: Standing | None = None
    calibration_by_model: Mapping[str, Calibration] = field(default_factory=dict)


class _Head(msgspec.Struct):
    """The part of a file that is no array."""

    schema: int
    scored_until_s: int | None = None
    standing: Standing | None = None
    models: list[str] = []
    days: list[list[int]] = []


class StateFolder:
    """Issues and records by measure."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder while the block runs; raises UnavailableError where another process does."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UnavailableError(f"another app_predict works in {self._folder}") from error
            yield

    def issued_at(self, measure: str) -> list[int]:
        """The hours that were issued and are kept, in order."""
        return sorted(int(path.stem) for path in self._of(measure).glob("*.npz") if path.name != RECORD)

    def issue(self, measure: str, issued_at_s: int) -> Issue | None:
        """One issue; None where it was never made, or cannot be read."""
        arrays = _loaded(self._path(measure, issued_at_s))
        issue = None if arrays is None else _issue(measure, issued_at_s, arrays)
        return issue if issue is not None and _is_whole(issue) else None

    def keep_issue(self, issue: Issue) -> None:
        """Remember that an issue was made, and forget those that nothing can be scored by any more."""
        names, factors = list(issue.factors_by_model), list(issue.factors_by_model.values())
        _save(
            self._path(issue.measure, issue.issued_at_s),
            sensor_ids=issue.sensor_ids,
            methods=issue.methods,
            models=issue.models,
            quantiles=issue.quantiles,
            blend=issue.blend,
            last=issue.last,
            factor_models=np.array(names, dtype=np.str_),
            factors=np.array(factors).reshape(len(names), GROUPS, len(QUANTILES)),
        )
        for issued_at_s in self.issued_at(issue.measure):
            if issued_at_s < issue.issued_at_s - ISSUES_KEPT_S:
                self._path(issue.measure, issued_at_s).unlink(missing_ok=True)

    def record(self, measure: str) -> Record:
        """What came of the forecasts so far; an empty one at the beginning, or where it cannot be read."""
        arrays = _loaded(self._of(measure) / RECORD)
        return Record() if arrays is None else _record(measure, arrays)

    def keep_record(self, measure: str, record: Record) -> None:
        """Remember what came of the forecasts."""
        by_model = {name: each.histogram_by_day for name, each in record.calibration_by_model.items()}
        head = _Head(
            SCHEMA,
            record.scored_until_s,
            record.standing,
            list(by_model),
            [list(by_day) for by_day in by_model.values()],
        )
        histograms = [each for by_day in by_model.values() for each in by_day.values()]
        _save(
            self._of(measure) / RECORD,
            head=np.frombuffer(msgspec.json.encode(head), dtype=np.uint8),
            histograms=np.array(histograms, dtype=np.uint32).reshape(-1, GROUPS, len(QUANTILES), STEPS),
        )

    def _of(self, measure: str) -> Path:
        return self._folder / measure

    def _path(self, measure: str, issued_at_s: int) -> Path:
        return self._of(measure) / f"{issued_at_s}.npz"


def without_old_models(record: Record, *, day: int, days_kept: int) -> Record:
    """The record without models of which nothing was scored for so many days."""
    kept = {
        model: each
        for model, each in record.calibration_by_model.items()
        if each.histogram_by_day and max(each.histogram_by_day) > day - days_kept
    }
    return replace(record, calibration_by_model=kept)


def _issue(measure: str, issued_at_s: int, arrays: dict[str, Any]) -> Issue | None:
    try:
        return Issue(
            measure=measure,
            issued_at_s=issued_at_s,
            factors_by_model=dict(zip(arrays["factor_models"].tolist(), arrays["factors"], strict=True)),
            **{
                name: arrays[name]
                for name in ("sensor_ids", "methods", "models", "quantiles", "blend", "last")
            },
        )
    except (KeyError, ValueError) as error:
        log.warning("issue_unreadable", measure=measure, issued_at_s=issued_at_s, error=repr(error))
        return None


def _is_whole(issue: Issue) -> bool:
    return issue.quantiles.shape == (len(issue.sensor_ids), HORIZON_H, len(QUANTILES))


def _record(measure: str, arrays: dict[str, Any]) -> Record:
    try:
        head = msgspec.json.decode(arrays["head"].tobytes(), type=_Head)
        histograms = iter(arrays["histograms"])
        by_model = {
            model: Calibration({day: next(histograms) for day in days})
            for model, days in zip(head.models, head.days, strict=True)
        }
    except (KeyError, ValueError, StopIteration, msgspec.MsgspecError) as error:
        log.warning("record_unreadable", measure=measure, error=repr(error))
        return Record()
    if head.schema != SCHEMA or arrays["histograms"].shape[1:] != (GROUPS, len(QUANTILES), STEPS):
        return Record()
    return Record(head.scored_until_s, head.standing, by_model)


def _loaded(path: Path) -> dict[str, Any] | None:
    """The arrays of a file; None where there is none, or it is broken. Objects are never unpickled."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        log.warning("state_file_unreadable", path=str(path), error=repr(error))
        return None


def _save(path: Path, **arrays: Any) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_suffix(".new")
    with made.open("wb") as file:
        np.savez(file, **arrays)
    made.replace(path)

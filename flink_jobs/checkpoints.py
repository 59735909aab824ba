"""Checkpoints and savepoints as folders: which to start from, and which may go."""

import os
import shutil
from pathlib import Path

KEPT_SNAPSHOTS = 3


def newest_snapshot(*folders: Path) -> Path | None:
    """The newest complete checkpoint or savepoint below `folders`; None where there is none."""
    return max(_complete(folders), key=_age_key, default=None)


def prune(*folders: Path, current_job_id: str, keep: int = KEPT_SNAPSHOTS) -> list[Path]:
    """Remove, of dead jobs, all but the newest `keep` snapshots; return what was removed.

    Nothing goes before the current job has a complete checkpoint of its own, which Flink prunes itself.
    """
    complete = _complete(folders)
    if not any(current_job_id in snapshot.parts for snapshot in complete):
        return []
    dead = sorted((s for s in complete if current_job_id not in s.parts), key=_age_key, reverse=True)
    removed = [*dead[keep:], *_incomplete(folders, current_job_id=current_job_id)]
    for snapshot in removed:
        shutil.rmtree(snapshot, ignore_errors=True)
    for folder in folders:
        _remove_empty_jobs(folder, current_job_id=current_job_id)
    return removed


def _complete(folders: tuple[Path, ...]) -> list[Path]:
    # A folder without _metadata is a checkpoint that was not finished.
    # Not by a glob, which fails where the running job removes a folder meanwhile.
    return [Path(at) for folder in folders for at, _, files in os.walk(folder) if "_metadata" in files]


def _age_key(snapshot: Path) -> float:
    try:
        return (snapshot / "_metadata").stat().st_mtime
    except FileNotFoundError:  # Flink removed it meanwhile
        return 0.0


def _incomplete(folders: tuple[Path, ...], *, current_job_id: str) -> list[Path]:
    return [
        chk
        for folder in folders
        for chk in folder.glob("*/chk-*")
        if current_job_id not in chk.parts and not (chk / "_metadata").exists()
    ]


def _remove_empty_jobs(folder: Path, *, current_job_id: str) -> None:
    for job in folder.glob("*"):
        if job.name != current_job_id and job.is_dir() and not any(p.is_file() for p in job.rglob("*")):
            shutil.rmtree(job, ignore_errors=True)

"""A job, continuously, in a Java process of its own that is watched from here."""

import os
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from contracts.errors import UnavailableError
from flink_jobs import checkpoints
from flink_jobs.class_archive import class_archive
from flink_jobs.class_path import plans_dir
from flink_jobs.environment import checkpoints_dir, flink_configuration, savepoints_dir, table_environment
from flink_jobs.java_process import JavaError, JavaOptions, running_java
from flink_jobs.rest_client import RestClient
from flink_jobs.settings import Settings
from flink_jobs.startup import wait_for_free_ports, wait_for_kafka

if TYPE_CHECKING:
    from pyflink.table import TableEnvironment, TableResult

log = structlog.get_logger()

WATCH_INTERVAL_S = 0.2
STATE_INTERVAL_S = 2.0
PRUNE_INTERVAL_S = 60.0
SAVEPOINT_TIMEOUT_S = 6.0
SILENCE_LIMIT_S = 60.0  # of a Java process that lives and does not answer
STATE_DOES_NOT_FIT = "Cannot map checkpoint/savepoint state"
UPGRADE_REMEDY = (
    "Stop, then let it begin anew some hours back: `luftstrom upgrade`, or `python -m flink_jobs upgrade`."
)
ENDED = ("FAILED", "CANCELED", "FINISHED", "SUSPENDED")


@dataclass(frozen=True, slots=True)
class Work:
    """What is to run: a name for people, and how it is started on a table environment.

    `submit` is also told the folder of the plans that fit this Flink.
    """

    name: str
    submit: "Callable[[TableEnvironment, Path], TableResult]"
    is_bounded: bool = False  # it ends by itself, at the end of its input


def run(work: Work, settings: Settings, stopping: threading.Event) -> int:
    """Start Java and the job, watch both, and stop with a savepoint once `stopping` is set; the exit code.

    0 after a stop, or at the end of a bounded job; 1 where Java or the job ended before; EX_CONFIG (78)
    where it would end so each time, for the state on disk is that of another job.
    """
    try:
        wait_for_free_ports((settings.rest_port, settings.metrics_port), stopping)
        jars, archive = class_archive(settings.connector_jars_dir, settings.cache_dir)
        with running_java(_java_options(settings, jars, archive)) as java:
            return _run_job(work, settings, java, stopping, plans_dir=plans_dir(archive))
    except (UnavailableError, JavaError) as error:
        if stopping.is_set():
            return 0
        log.error("job_ended", error=reason_of(error))  # noqa: TRY400 - the text says it all
        return exit_code_of(error)


def exit_code_of(error: UnavailableError | JavaError) -> int:
    """1 where another try may do, EX_CONFIG (78) where only a person helps."""
    return os.EX_CONFIG if _is_state_of_another_job(error) else 1


def reason_of(error: UnavailableError | JavaError) -> str:
    """Why the job ended, for people: no trace, and the remedy where there is one."""
    if not isinstance(error, JavaError):
        return str(error)
    if _is_state_of_another_job(error):
        return f"the state on disk is that of another job. {UPGRADE_REMEDY}\n{error.cause}"
    return error.cause


def _is_state_of_another_job(error: UnavailableError | JavaError) -> bool:
    return isinstance(error, JavaError) and STATE_DOES_NOT_FIT in error.cause


def _run_job(
    work: Work,
    settings: Settings,
    java: "subprocess.Popen[bytes]",
    stopping: threading.Event,
    *,
    plans_dir: Path,
) -> int:
    restore_from = checkpoints.newest_snapshot(*_snapshot_dirs(settings))
    configuration = flink_configuration(work.name, settings, restore_from=restore_from)
    if work.is_bounded:
        # Restored it would never end: whoever started it begins it again (flink_jobs/replay.py).
        configuration["restart-strategy.type"] = "none"
    te = table_environment(configuration)
    # Not before Java: a broker that is starting too has time until here.
    wait_for_kafka(settings.kafka_bootstrap_servers, stopping)
    result = work.submit(te, plans_dir)
    job_id = str(result.get_job_client().get_job_id())
    rest = RestClient(settings.rest_port)
    log.info(
        "job_submitted",
        job=work.name,
        job_id=job_id,
        web_ui=rest.url,
        restored_from=str(restore_from) if restore_from else None,
    )
    finish = _Finish(result) if work.is_bounded else None
    return _RunningJob(settings, java, rest, job_id, finish).watch(stopping)


class _Finish:
    """Waits for a bounded job in the background: with its last job Flink closes the REST interface."""

    def __init__(self, result: "TableResult") -> None:
        self.exit_code: int | None = None
        threading.Thread(target=self._wait, args=(result,), name="finish", daemon=True).start()

    def _wait(self, result: "TableResult") -> None:
        try:
            result.wait()
        except Exception as error:  # noqa: BLE001 - whatever Java threw: the job did not finish
            log.error("job_failed", error=str(error).splitlines()[0])  # noqa: TRY400
            self.exit_code = 1
        else:
            self.exit_code = 0


def _snapshot_dirs(settings: Settings) -> tuple[Path, Path]:
    return checkpoints_dir(settings.state_dir), savepoints_dir(settings.state_dir)


def _java_options(settings: Settings, jars: list[Path], archive: Path) -> JavaOptions:
    # Without the second compiler Java starts in half the CPU and holds less; each reading then costs more.
    compiler = () if settings.is_optimizing else ("-XX:TieredStopAtLevel=1",)
    flags = (f"-Xmx{settings.heap_mb}m", "-XX:+UseSerialGC", *compiler, f"-XX:SharedArchiveFile={archive}")
    return JavaOptions(jars, flags, log_dir=settings.state_dir / "logs", tmp_dir=settings.state_dir / "tmp")


class _RunningJob:
    """The running job, watched."""

    def __init__(
        self,
        settings: Settings,
        java: "subprocess.Popen[bytes]",
        rest: RestClient,
        job_id: str,
        finish: _Finish | None,
    ) -> None:
        self._settings = settings
        self._java = java
        self._rest = rest
        self._id = job_id
        self._finish = finish
        self._state = ""
        self._answered_s = time.monotonic()

    def watch(self, stopping: threading.Event) -> int:
        """Wait for the end of the job, of Java or of our time; the exit code."""
        next_state_s = next_prune_s = time.monotonic()
        while not stopping.wait(WATCH_INTERVAL_S):
            if self._finish and self._finish.exit_code is not None:
                return self._finish.exit_code
            if self._java.poll() is not None:
                log.error(
                    "java_ended",
                    exit_code=self._java.returncode,
                    log_dir=str(self._settings.state_dir / "logs"),
                )
                return 1
            now_s = time.monotonic()
            if now_s >= next_state_s:
                next_state_s = now_s + STATE_INTERVAL_S
                if self._is_over() and not self._finish:
                    return 1
            if now_s >= next_prune_s:
                next_prune_s = now_s + PRUNE_INTERVAL_S
                self._prune()
        return self._stop()

    def _is_over(self) -> bool:
        try:
            state = self._rest.job_state(self._id)
        except UnavailableError as error:
            silent_s = time.monotonic() - self._answered_s
            if silent_s > SILENCE_LIMIT_S:
                log.error("flink_fell_silent", seconds=round(silent_s), error=str(error))  # noqa: TRY400
            return silent_s > SILENCE_LIMIT_S
        self._answered_s = time.monotonic()
        if state != self._state:
            log.info("job_state_changed", state=state, was=self._state or None)
            self._state = state
        return state in ENDED

    def _prune(self) -> None:
        removed = checkpoints.prune(*_snapshot_dirs(self._settings), current_job_id=self._id)
        if removed:
            log.info("snapshots_pruned", count=len(removed))

    def _stop(self) -> int:
        """Leave a savepoint if one is to be had in time; the newest checkpoint serves as well."""
        folder = savepoints_dir(self._settings.state_dir)
        before = checkpoints.newest_snapshot(folder)
        deadline_s = time.monotonic() + SAVEPOINT_TIMEOUT_S
        try:
            self._rest.stop_with_savepoint(self._id, folder)
        except UnavailableError as error:
            log.warning("savepoint_not_taken", error=str(error))
            return 0
        while time.monotonic() < deadline_s and self._java.poll() is None:
            savepoint = checkpoints.newest_snapshot(folder)
            if savepoint != before and self._has_finished():
                log.info("stopped_with_savepoint", savepoint=str(savepoint))
                return 0
            time.sleep(WATCH_INTERVAL_S)
        log.warning("savepoint_not_taken", error=f"not complete after {SAVEPOINT_TIMEOUT_S} s")
        return 0

    def _has_finished(self) -> bool:
        """Whether the transactions that the savepoint promised are committed: the job ends after that."""
        try:
            return self._rest.job_state(self._id) in ENDED
        except UnavailableError:
            return True  # with its last job Flink closes the REST interface

"""`python -m flink_jobs split|aggregate|all|replay|upgrade`: one job, until told to stop.

`replay` runs one over what is in the log to its end; `upgrade` lets a stopped one begin anew.
On its own it starts the Java process and watches it. Started by Flink itself (`-pym flink_jobs`, as the
Kubernetes operator does), it hands the job over and ends.
"""

import argparse
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from contracts.errors import UnavailableError
from contracts.topics import DOORS
from flink_jobs import process, replay
from flink_jobs.environment import planner_configuration, table_environment
from flink_jobs.generation import begin_generation, current_generation
from flink_jobs.java_process import GATEWAY_PORT
from flink_jobs.job import Job, begins_at_s, continuous_connectors, continuous_text
from flink_jobs.planning import submit
from flink_jobs.settings import JobSettings, Settings
from flink_jobs.sql.timing import Period
from runtime.logs import configure_logs
from runtime.settings import SettingsError, exit_on_bad_settings, read_settings
from runtime.stopping import stop_on_signals

if TYPE_CHECKING:
    from pyflink.table import TableEnvironment, TableResult

log = structlog.get_logger()

REPLAY, UPGRADE = "replay", "upgrade"


def main() -> None:
    """Run until SIGTERM (exit code 0) or until Java or the job ends (1, for the supervisor to start anew)."""
    given = _parser().parse_args()
    configure_logs("flink_jobs")
    try:
        if GATEWAY_PORT in os.environ:
            _hand_over(Job(given.job), read_settings(JobSettings))
            return
        settings = read_settings(Settings)
    except SettingsError as error:
        exit_on_bad_settings(error)
    if given.what == UPGRADE:
        _upgrade(settings, force=given.force)
        return
    stopping = stop_on_signals()
    if given.what == REPLAY:
        period = Period(given.from_s, given.to_s)
        disorder_min = given.disorder_min or replay.DISORDER_MIN[given.door]
        again = replay.Replay(Job(given.job), given.door, period, disorder_min, given.version)
        raise SystemExit(replay.run(again, settings, stopping))
    raise SystemExit(_run(Job(given.job), settings, stopping))


def _run(job: Job, settings: Settings, stopping: threading.Event) -> int:
    generation = current_generation(settings.state_dir)
    text = continuous_text(job, settings, generation)

    def submitted(te: "TableEnvironment", plans_dir: Path) -> "TableResult":
        starts_at_s = begins_at_s(job, generation)
        if starts_at_s is not None:
            from flink_jobs.takeover import take_over  # noqa: PLC0415 - a Kafka client, after upgrades alone

            own, *earlier = (
                continuous_connectors(job, settings, each) for each in (generation, *generation.earlier)
            )
            take_over(own, earlier, starts_at_s=starts_at_s)
        return submit(te, text, plans_dir=plans_dir, copies=job.copies)

    return process.run(process.Work(job, submitted), settings, stopping)


def _upgrade(settings: Settings, *, force: bool) -> None:
    try:
        generation = begin_generation(settings.state_dir, force=force)
    except UnavailableError as error:
        log.error("not_upgraded", error=str(error))  # noqa: TRY400 - the text says it all
        raise SystemExit(1) from None
    log.info("generation_begun", number=generation.number, starts_at_s=generation.starts_at_s)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m flink_jobs", description=__doc__)
    what = parser.add_subparsers(dest="what", required=True)
    for job in Job:
        what.add_parser(job, help=job.about).set_defaults(job=job.value)
    again = what.add_parser(REPLAY, help="a job over what is in the log already, to its end")
    again.add_argument("--job", choices=[job.value for job in Job], default=Job.ALL.value)
    again.add_argument("--door", choices=list(DOORS), default="archive")
    again.add_argument("--from-s", type=int, required=True, help="Unix seconds: readings from this time on")
    again.add_argument("--to-s", type=int, required=True, help="Unix seconds: readings from before it")
    again.add_argument("--disorder-min", type=int, help="minutes that a reading may stand behind later ones")
    again.add_argument("--version", type=int, help="fill topics of this version, else those of the contracts")
    upgrade = what.add_parser(UPGRADE, help="begin a stopped job anew with empty state, some hours back")
    upgrade.add_argument("--force", action="store_true", help="also where it did not stop cleanly")
    return parser


def _hand_over(job: Job, settings: JobSettings) -> None:
    """Give the job to the cluster that started us; how it runs there is the cluster's configuration."""
    submit(table_environment(planner_configuration()), continuous_text(job, settings), copies=job.copies)


if __name__ == "__main__":
    main()

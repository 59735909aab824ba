"""A replay: the same job over what is in the log already, from the first message to the last one now.

What it writes is what the continuous job wrote, or would have: the same keys and times, so a store that
overwrites by them takes it twice without harm. With a version it fills new topics, beside the old ones.
Killed or stopped it begins again when it is started again: the Kafka source of connector 5.0.0-2.2 does not
end once it is restored with a bound (its readers are never told that no more partitions come).
"""

import shutil
import threading
from dataclasses import dataclass, replace

from contracts.topics import DOORS
from flink_jobs import process
from flink_jobs.connectors import KafkaConnectors
from flink_jobs.job import Job, JobText, job_text
from flink_jobs.planning import submit
from flink_jobs.settings import Settings
from flink_jobs.sql.timing import Period

# Live readings come in the order of their times but for some minutes; an archive comes day by day.
DISORDER_MIN = {"live": 15, "archive": 2 * 24 * 60}


@dataclass(frozen=True, slots=True)
class Replay:
    """What is replayed: a job over the readings of one door in a period.

    `disorder_min`: how many minutes a reading may stand behind later ones in that topic and still be in time.
    """

    job: Job
    door: str
    period: Period
    disorder_min: int
    version: int | None = None

    @property
    def name(self) -> str:
        """Names its state, its group and its transactions: the same one ends what a killed one left open."""
        version = "" if self.version is None else f"-v{self.version}"
        return f"replay-{self.job}-{self.door}-{self.period.from_s}-{self.period.to_s}{version}"

    def group_id(self, settings: Settings) -> str:
        """The consumer group whose offsets tell how far it is."""
        return f"{settings.prefix}-{self.name}"


def run(replay: Replay, settings: Settings, stopping: threading.Event) -> int:
    """Run it to its end, or until `stopping`; the exit code is 0 for both, 1 where Java or the job ended."""
    own = own_settings(replay, settings)
    shutil.rmtree(own.state_dir, ignore_errors=True)
    # Its plan is not kept: the period is in it, so it fits no other replay.
    work = process.Work(replay.name, lambda te, _: submit(te, _text(replay, settings)), is_bounded=True)
    try:
        return process.run(work, own, stopping)
    finally:
        shutil.rmtree(own.state_dir / "checkpoints", ignore_errors=True)


def own_settings(replay: Replay, settings: Settings) -> Settings:
    """A folder for its state; of `split` on disk where nothing else is asked for.

    Its ids outgrow the heap in minutes and cost no more there; windows do (docs/decisions/0094).
    """
    is_ours = "state_backend" not in settings.model_fields_set
    backend = "rocksdb" if replay.job is Job.SPLIT and is_ours else settings.state_backend
    folder = settings.state_dir / "replays" / replay.name
    return settings.model_copy(update={"state_dir": folder, "state_backend": backend})


def _text(replay: Replay, settings: Settings) -> JobText:
    connectors = KafkaConnectors(
        settings.kafka_bootstrap_servers,
        replay.group_id(settings),
        topics=(DOORS[replay.door].name,),
        is_bounded=True,
        version=replay.version,
        security=settings.kafka_security,
    )
    # A window that is read in part would overwrite a whole one.
    period = replay.period if replay.job is Job.SPLIT else replay.period.in_whole_days()
    timing = replace(settings.timing, watermark_delay_min=replay.disorder_min, period=period)
    # What cannot be used was set aside the first time; a new version has dead letters of its own.
    return job_text(connectors, job=replay.job, timing=timing, letters=replay.version is not None)

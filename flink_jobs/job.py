"""The jobs as text; what they read and write is the caller's choice."""

from dataclasses import dataclass, replace
from enum import StrEnum

from flink_jobs.connectors import ARCHIVE_DOOR, BOTH_DOORS, LIVE_DOOR, Connectors, KafkaConnectors
from flink_jobs.generation import Generation
from flink_jobs.settings import JobSettings
from flink_jobs.sql import aggregate, doubts, places, readings, split
from flink_jobs.sql.text import Step, Table
from flink_jobs.sql.timing import Timing, day_of


class Job(StrEnum):
    """What runs in one process."""

    SPLIT = "split"
    AGGREGATE = "aggregate"
    ALL = "all"

    @property
    def about(self) -> str:
        """What it does, for people."""
        return {
            Job.SPLIT: "each value to the topic of its measure",
            Job.AGGREGATE: "windows, cities, flags of more than one reading",
            Job.ALL: "both in one process: values of both doors, windows of the live readings",
        }[self]

    @property
    def copies(self) -> int | None:
        """Of each step, where it runs until it is stopped; None: as many as are asked for.

        Windows have one: of two, that which hears first of the end of a silence closes the other's windows
        over what the other still holds (docs/decisions/0095).
        """
        return None if self is Job.SPLIT else 1


@dataclass(frozen=True, slots=True)
class JobText:
    """A job: tables, views that read them and one another, and the inserts that run together."""

    tables: tuple[Table, ...]
    steps: tuple[Step, ...]
    inserts: tuple[str, ...]


def continuous_text(job: Job, settings: JobSettings, generation: Generation | None = None) -> JobText:
    """The job on the real log, until it is stopped."""
    generation = generation or Generation()
    connectors = continuous_connectors(job, settings, generation)
    # A window that is read in part would overwrite a whole one.
    timing = replace(settings.timing, windows_from_s=begins_at_s(job, generation))
    return job_text(connectors, job=job, timing=timing, guard=settings.guard)


def begins_at_s(job: Job, generation: Generation) -> int | None:
    """From which time on a generation reads, Unix seconds; with windows whole days. None: all of the log."""
    if generation.starts_at_s is None or job is Job.SPLIT:
        return generation.starts_at_s
    return day_of(generation.starts_at_s)


def continuous_connectors(job: Job, settings: JobSettings, generation: Generation) -> KafkaConnectors:
    """What a job reads and writes that runs until it is stopped."""
    return KafkaConnectors(
        settings.kafka_bootstrap_servers,
        generation.prefix(f"{settings.prefix}-{job}"),
        topics=BOTH_DOORS if job is Job.SPLIT else LIVE_DOOR,
        history_topics=ARCHIVE_DOOR if job is Job.ALL else (),
        exactly_once=settings.exactly_once,
        security=settings.kafka_security,
    )


def job_text(
    connectors: Connectors,
    *,
    job: Job,
    timing: Timing | None = None,
    guard: bool = True,
    letters: bool = True,
) -> JobText:
    """The job on these connections.

    `guard` also looks for messages that are no readings; without `letters` nothing is set aside.
    """
    timing = timing or Timing()
    tables = [*readings.tables(connectors, timing)]
    steps = [*readings.steps(timing, has_history=connectors.history() is not None)]
    inserts: list[str] = []
    if job is not Job.AGGREGATE:
        tables += split.tables(connectors)
        steps += split.steps(timing)
        inserts += split.inserts(connectors, guard=guard, letters=letters)
    if job is not Job.SPLIT:
        tables += [*aggregate.tables(connectors), *places.tables(connectors), *doubts.tables(connectors)]
        steps += [*aggregate.steps(timing), *places.steps(), *doubts.steps()]
        inserts += [*aggregate.inserts(connectors, timing), *places.inserts(), *doubts.inserts()]
    return JobText(tuple(tables), tuple(steps), tuple(inserts))

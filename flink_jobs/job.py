"""The jobs on a table environment; what they read and write is the caller's choice."""

from enum import StrEnum
from typing import TYPE_CHECKING

from flink_jobs.connectors import ARCHIVE_DOOR, BOTH_DOORS, LIVE_DOOR, Connectors, KafkaConnectors
from flink_jobs.generation import Generation
from flink_jobs.settings import JobSettings
from flink_jobs.sql import aggregate, doubts, places, readings, split
from flink_jobs.sql.timing import Timing

if TYPE_CHECKING:
    from pyflink.table import StatementSet, TableEnvironment


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


def statements(
    job: Job, settings: JobSettings, te: "TableEnvironment", *, generation: Generation | None = None
) -> "StatementSet":
    """The job on the real log, not yet running."""
    connectors = continuous_connectors(job, settings, generation or Generation())
    return build(te, connectors, job=job, timing=settings.timing, guard=settings.guard)


def continuous_connectors(job: Job, settings: JobSettings, generation: Generation) -> KafkaConnectors:
    """What a job reads and writes that runs until it is stopped."""
    return KafkaConnectors(
        settings.kafka_bootstrap_servers,
        generation.prefix(f"{settings.prefix}-{job}"),
        topics=BOTH_DOORS if job is Job.SPLIT else LIVE_DOOR,
        history_topics=ARCHIVE_DOOR if job is Job.ALL else (),
        exactly_once=settings.exactly_once,
        starts_at_s=generation.starts_at_s,
        security=settings.kafka_security,
    )


def build(
    te: "TableEnvironment",
    connectors: Connectors,
    *,
    job: Job,
    timing: Timing | None = None,
    guard: bool = True,
    letters: bool = True,
) -> "StatementSet":
    """Create tables and views in `te` and return all inserts as one set, not yet running.

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
    for table in tables:
        te.execute_sql(table)
    for step in steps:
        # Not CREATE VIEW: its text would be planned anew for each reader, and with it run anew.
        te.create_temporary_view(step.name, te.sql_query(step.query))
    statement_set = te.create_statement_set()
    for insert in inserts:
        statement_set.add_insert_sql(insert)
    return statement_set

"""From a job's text to a running job, by way of a compiled plan.

Planning is most of what a start costs, and comes to the same plan each time. A plan names its tables but
not where they are, so one that was kept serves every broker and prefix. Its operators have ids of their
own, by which a snapshot finds its state again.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from flink_jobs.environment import planner_configuration
from flink_jobs.job import JobText

if TYPE_CHECKING:
    from pyflink.table import CompiledPlan, StatementSet, TableEnvironment, TableResult

log = structlog.get_logger()

# The options that say where a table is and who reads or writes it; no plan depends on them.
_PLACES = ("path", "topic", "properties.", "sink.transactional-id-prefix")


def submit(
    te: "TableEnvironment", text: JobText, *, plans_dir: Path | None = None, copies: int | None = None
) -> "TableResult":
    """Start the job on its plan; with so many `copies` of each step, whatever the environment says."""
    if copies is not None:
        te.get_config().set("parallelism.default", str(copies))
    return planned(te, text, plans_dir=plans_dir).execute()


def planned(te: "TableEnvironment", text: JobText, *, plans_dir: Path | None = None) -> "CompiledPlan":
    """The plan that `plans_dir` keeps of the job, else a new one, which is kept there then."""
    _create_tables(te, text)
    if plans_dir is None:
        return _inserts(te, text).compile_plan()
    kept = plans_dir / f"{plan_name(text)}.json"
    return _loaded(te, kept) or _kept(_inserts(te, text).compile_plan(), kept)


def statement_set(te: "TableEnvironment", text: JobText) -> "StatementSet":
    """Tables, views and inserts of the job, not yet planned."""
    _create_tables(te, text)
    return _inserts(te, text)


def plan_name(text: JobText) -> str:
    """16 hexadecimal digits: the same for jobs that differ only in where their tables are."""
    digest = hashlib.sha256()
    for part in _what_decides(text):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]


def _create_tables(te: "TableEnvironment", text: JobText) -> None:
    for table in text.tables:
        te.execute_sql(table.sql)


def _inserts(te: "TableEnvironment", text: JobText) -> "StatementSet":
    for step in text.steps:
        # Not CREATE VIEW: its text would be planned anew for each reader, and with it run anew.
        te.create_temporary_view(step.name, te.sql_query(step.query))
    inserts = te.create_statement_set()
    for insert in text.inserts:
        inserts.add_insert_sql(insert)
    return inserts


def _loaded(te: "TableEnvironment", kept: Path) -> "CompiledPlan | None":
    """The kept plan; None where there is none that is whole."""
    if not kept.exists():
        return None
    from pyflink.table import CompiledPlan, PlanReference  # noqa: PLC0415 - needs Java to run
    from pyflink.util.exceptions import JavaException  # noqa: PLC0415

    try:
        loaded = te.load_plan(PlanReference.from_file(str(kept)))
    except JavaException as error:
        log.warning("kept_plan_unusable", path=str(kept), error=str(error).splitlines()[0])
        return None
    # With its own, what load_plan gives does not run.
    return CompiledPlan(loaded._j_compiled_plan, te)


def _kept(plan: "CompiledPlan", kept: Path) -> "CompiledPlan":
    """Written whole or not at all: others may look for it at this moment."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=kept.parent)
    with os.fdopen(handle, "w") as file:
        file.write(plan.as_json_string())
    Path(name).replace(kept)
    return plan


def _what_decides(text: JobText) -> Iterator[str]:
    yield repr(planner_configuration())
    for name, columns, options in text.tables:
        kept = {key: value for key, value in options.items() if not key.startswith(_PLACES)}
        yield repr((name, columns, kept))
    yield from (f"{name}: {query}" for name, query in text.steps)
    yield from text.inserts

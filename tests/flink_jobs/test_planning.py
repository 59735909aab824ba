"""Which plan is kept for which job, and what is said where it or the state does not fit."""

import os
from dataclasses import replace

import pytest

from contracts.errors import UnavailableError
from flink_jobs import planning
from flink_jobs.connectors import FolderConnectors, KafkaConnectors
from flink_jobs.java_process import JavaError
from flink_jobs.job import Job, job_text
from flink_jobs.planning import plan_name
from flink_jobs.process import exit_code_of, reason_of
from flink_jobs.sql.timing import Period, Timing

KAFKA = KafkaConnectors("broker:9092", "luftstrom-v1-all")
TRACE = (
    "org.apache.flink.table.api.TableException: Failed to execute sql\n\tat a.b(C.java:1)\n"
    "Caused by: java.lang.RuntimeException: outer\n\tat a.b(C.java:2)\nCaused by: {}\n\t... 4 more"
)
OTHER_STATE = (
    "java.lang.IllegalStateException: … Cannot map checkpoint/savepoint state for operator 51a0 to …"
)


def name_of(connectors=KAFKA, *, job=Job.ALL, **options):
    return plan_name(job_text(connectors, job=job, **options))


def test_a_plan_serves_every_broker_and_prefix():
    elsewhere = replace(KAFKA, bootstrap_servers="other:1", prefix="another")

    assert name_of() == name_of(elsewhere)


def test_a_plan_serves_every_folder(tmp_path):
    assert name_of(FolderConnectors(tmp_path / "a")) == name_of(FolderConnectors(tmp_path / "b"))


@pytest.mark.parametrize(
    "other",
    [
        {"job": Job.SPLIT},
        {"guard": False},
        {"letters": False},
        {"timing": Timing(watermark_delay_min=16)},
        {"timing": Timing(period=Period(1_557_619_200, 1_557_705_600))},
        {"connectors": replace(KAFKA, exactly_once=False)},
        {"connectors": replace(KAFKA, is_bounded=True)},
        {"connectors": replace(KAFKA, history_topics=("readings-archive-v1",))},
    ],
)
def test_what_changes_the_job_has_a_plan_of_its_own(other):
    assert name_of(**other) != name_of()


def test_what_java_threw_is_told_by_its_cause():
    assert reason_of(JavaError(TRACE.format("java.io.IOException: gone"))) == "java.io.IOException: gone"
    assert reason_of(JavaError("one line")) == "one line"
    assert reason_of(UnavailableError("no broker")) == "no broker"


def test_a_state_of_another_job_is_told_with_the_remedy():
    reason = reason_of(JavaError(TRACE.format(OTHER_STATE)))

    assert "luftstrom upgrade" in reason
    assert OTHER_STATE in reason


def test_a_state_of_another_job_is_not_tried_again():
    assert exit_code_of(JavaError(TRACE.format(OTHER_STATE))) == os.EX_CONFIG
    assert exit_code_of(JavaError(TRACE.format("java.io.IOException: gone"))) == 1
    assert exit_code_of(UnavailableError("no broker")) == 1


@pytest.fixture
def split_text(tmp_path):
    return job_text(FolderConnectors(tmp_path), job=Job.SPLIT)


@pytest.mark.flink
def test_what_is_kept_is_loaded_and_not_planned_again(flink, split_text, tmp_path, monkeypatch):
    first = planning.planned(flink(), split_text, plans_dir=tmp_path).as_json_string()
    monkeypatch.setattr(planning, "_inserts", lambda *_: pytest.fail("it was planned again"))

    assert planning.planned(flink(), split_text, plans_dir=tmp_path).as_json_string() == first
    assert [each.name for each in tmp_path.iterdir()] == [f"{plan_name(split_text)}.json"]


@pytest.mark.flink
def test_a_kept_plan_that_is_cut_short_is_made_again(flink, split_text, tmp_path):
    kept = tmp_path / f"{plan_name(split_text)}.json"
    kept.write_text("{")
    plan = planning.planned(flink(), split_text, plans_dir=tmp_path)

    assert kept.read_text() == plan.as_json_string()

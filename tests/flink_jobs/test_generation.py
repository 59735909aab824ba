"""A new generation begins only where the old one left nothing open."""

import os
import time

import pytest

from contracts.errors import UnavailableError
from flink_jobs.environment import checkpoints_dir, savepoints_dir
from flink_jobs.generation import STARTS_BACK_S, Generation, begin_generation, current_generation
from flink_jobs.job import Job, begins_at_s
from flink_jobs.sql.timing import DAY_S


def snapshot(folder):
    folder.mkdir(parents=True)
    (folder / "_metadata").touch()


def test_a_fresh_folder_is_of_the_first_generation_with_the_plain_prefix(tmp_path):
    assert current_generation(tmp_path) == Generation()
    assert Generation().prefix("luftstrom-v1-split") == "luftstrom-v1-split"


def test_a_new_generation_has_its_own_prefix_starts_two_hours_before_the_stop_and_finds_no_state(tmp_path):
    snapshot(checkpoints_dir(tmp_path) / "job" / "chk-1")
    time.sleep(0.01)  # the age of a snapshot is that of its file
    snapshot(savepoints_dir(tmp_path) / "savepoint-1")
    stopped_at_s = time.time() + 5000  # later than its other snapshot
    os.utime(savepoints_dir(tmp_path) / "savepoint-1" / "_metadata", (stopped_at_s, stopped_at_s))
    generation = begin_generation(tmp_path)

    assert generation == current_generation(tmp_path)
    assert generation.number == 2
    assert generation.prefix("luftstrom-v1-split") == "luftstrom-v1-split-g2"
    assert generation.starts_at_s == pytest.approx(stopped_at_s - STARTS_BACK_S, abs=1)
    assert [each.prefix("p") for each in generation.earlier] == ["p"]
    assert not checkpoints_dir(tmp_path).exists()
    assert (tmp_path / "generation-1" / "savepoints" / "savepoint-1" / "_metadata").exists()


def test_a_job_that_was_killed_is_not_upgraded_unless_forced(tmp_path):
    snapshot(checkpoints_dir(tmp_path) / "job" / "chk-1")
    with pytest.raises(UnavailableError, match="savepoint"):
        begin_generation(tmp_path)

    assert current_generation(tmp_path) == Generation()
    assert begin_generation(tmp_path, force=True).number == 2
    assert begin_generation(tmp_path).number == 3


def test_windows_of_a_new_generation_are_of_whole_days_and_its_values_of_no_more_than_must_be():
    generation = Generation(2, starts_at_s=3 * DAY_S + 5)

    assert begins_at_s(Job.SPLIT, generation) == 3 * DAY_S + 5
    assert begins_at_s(Job.ALL, generation) == begins_at_s(Job.AGGREGATE, generation) == 3 * DAY_S
    assert begins_at_s(Job.ALL, Generation()) is None

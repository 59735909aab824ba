"""Where a replay keeps its state."""

import pytest

from flink_jobs.job import Job
from flink_jobs.replay import Replay, own_settings
from flink_jobs.settings import Settings
from flink_jobs.sql.timing import Period


def the_settings(folder, **given):
    places = dict.fromkeys(("state_dir", "connector_jars_dir", "cache_dir"), folder)
    return Settings(kafka_bootstrap_servers="broker:9092", **places, **given)


def a_replay(job):
    return Replay(job, "archive", Period(0, 86_400), disorder_min=15)


@pytest.mark.parametrize(
    ("job", "given", "expected"),
    [
        (Job.SPLIT, {}, "rocksdb"),
        (Job.SPLIT, {"state_backend": "hashmap"}, "hashmap"),
        (Job.AGGREGATE, {}, "hashmap"),
        (Job.ALL, {"state_backend": "rocksdb"}, "rocksdb"),
    ],
)
def test_the_ids_of_a_replay_are_on_disk_and_windows_on_the_heap_unless_told(tmp_path, job, given, expected):
    assert own_settings(a_replay(job), the_settings(tmp_path, **given)).state_backend == expected


def test_each_replay_has_a_folder_of_its_own(tmp_path):
    folders = {own_settings(a_replay(job), the_settings(tmp_path)).state_dir for job in Job}

    assert len(folders) == len(Job)
    assert tmp_path not in folders

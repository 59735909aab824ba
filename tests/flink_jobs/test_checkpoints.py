"""Which snapshot to start from, and which may go."""

import os

from flink_jobs.checkpoints import newest_snapshot, prune


def a_snapshot(folder, *, age_s, complete=True):
    folder.mkdir(parents=True)
    metadata = folder / ("_metadata" if complete else "part")
    metadata.write_text("")
    os.utime(metadata, (1_000_000 - age_s, 1_000_000 - age_s))
    return folder


def test_without_a_snapshot_the_job_starts_empty(tmp_path):
    assert newest_snapshot(tmp_path / "checkpoints", tmp_path / "savepoints") is None


def test_the_newest_complete_one_wins_whatever_its_kind(tmp_path):
    a_snapshot(tmp_path / "checkpoints" / "job1" / "chk-7", age_s=20)
    savepoint = a_snapshot(tmp_path / "savepoints" / "savepoint-1", age_s=10)
    a_snapshot(tmp_path / "checkpoints" / "job1" / "chk-8", age_s=5, complete=False)

    assert newest_snapshot(tmp_path / "checkpoints", tmp_path / "savepoints") == savepoint


def test_dead_jobs_keep_their_newest_snapshots_only(tmp_path):
    own = a_snapshot(tmp_path / "job9" / "chk-1", age_s=0)
    old = [a_snapshot(tmp_path / f"job{n}" / "chk-1", age_s=10 * n) for n in range(1, 6)]

    prune(tmp_path, current_job_id="job9", keep=2)

    assert own.exists()
    assert [snapshot.exists() for snapshot in old] == [True, True, False, False, False]
    assert not old[4].parent.exists()


def test_nothing_goes_before_the_job_has_a_snapshot_of_its_own(tmp_path):
    old = [a_snapshot(tmp_path / f"job{n}" / "chk-1", age_s=10 * n) for n in range(1, 6)]
    a_snapshot(tmp_path / "job9" / "chk-1", age_s=0, complete=False)

    assert prune(tmp_path, current_job_id="job9", keep=1) == []
    assert all(snapshot.exists() for snapshot in old)

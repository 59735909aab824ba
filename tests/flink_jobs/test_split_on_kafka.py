"""The process on a real broker: exactly once through every kind of death, clean stops, restarts."""

import time
import urllib.request

import pytest

from contracts.topics import MEASURE_TOPICS, READINGS_ARCHIVE
from tests.flink_jobs.split_process import CommittedLog, Feed, JobProcess, create_topics, wait_until

pytestmark = [pytest.mark.flink, pytest.mark.integration]

VISIBLE_TIMEOUT_S = 90.0
SENSOR_ID = 9_000_000
BATCH = 300


@pytest.fixture
def bootstrap_servers(kafka):
    create_topics(kafka.bootstrap_servers)
    return kafka.bootstrap_servers


@pytest.fixture
def split(bootstrap_servers, connector_jars_dir, flink_cache_dir, tmp_path):
    process = JobProcess(
        bootstrap_servers, state_dir=tmp_path / "state", connector_jars_dir=connector_jars_dir,
        cache_dir=flink_cache_dir, prefix=f"test-{time.time_ns()}",
    )  # fmt: skip
    yield process
    process.close()


@pytest.fixture
def feed(bootstrap_servers):
    feed = Feed(bootstrap_servers, first_sensor_id=SENSOR_ID, first_id=time.time_ns())
    yield feed
    feed.close()


@pytest.fixture
def log(bootstrap_servers):
    log = CommittedLog(bootstrap_servers, first_sensor_id=SENSOR_ID)
    log.read()
    log.values.clear()  # what earlier tests left
    log.letters.clear()
    log.records.clear()
    yield log
    log.close()


def test_exactly_once_through_every_death_and_a_clean_stop(split, feed, log):
    def everything_is_visible():
        log.read()
        return feed.expected.total() == log.values.total() and feed.bad <= set(log.letters)

    def written_and_visible(what):
        feed.write(BATCH)
        wait_until(everything_is_visible, limit_s=VISIBLE_TIMEOUT_S, what=what)
        feed.write(BATCH)  # in flight when the next death comes

    split.start()
    written_and_visible("the first values")
    split.kill_group()

    split.start()
    feed.write_bad(b"garbage")
    feed.write_bad(None)
    feed.write(BATCH, topic=READINGS_ARCHIVE.name)
    written_and_visible("values after the whole group was killed")
    split.kill_python()

    split.start()
    written_and_visible("values after Python was killed")
    assert split.kill_java() != 0

    split.start()
    written_and_visible("values after Java was killed")
    exit_code, seconds = split.terminate()
    assert exit_code == 0
    assert seconds < 10
    assert split.events("stopped_with_savepoint")

    split.start()
    written_and_visible("values after a clean stop")
    assert split.events("job_submitted")[-1]["restored_from"].endswith(
        split.events("stopped_with_savepoint")[-1]["savepoint"].rsplit("/", 1)[-1]
    )
    wait_until(everything_is_visible, limit_s=VISIBLE_TIMEOUT_S, what="the last values")
    split.terminate()

    log.read()
    assert log.values == feed.expected
    assert {letter: log.letters[letter] for letter in feed.bad} == dict.fromkeys(feed.bad, 1)
    restored = [event["restored_from"] for event in split.events("job_submitted")]
    assert restored[0] is None
    assert all(restored[1:])
    for record in log.records:
        assert record.topic == MEASURE_TOPICS["temperature"].name
    assert {int(record.key) for record in log.records} == {sensor_id for sensor_id, _ in feed.expected}


def test_the_web_page_and_the_metrics_answer(split, feed, log):
    split.start()
    feed.write(1)
    wait_until(lambda: log.read()[0] >= 1, limit_s=VISIBLE_TIMEOUT_S, what="the value")

    def body(port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return answer.read().decode()

    assert "Apache Flink" in body(split.rest_port)
    metrics = body(split.metrics_port)
    for name in ("flink_jobmanager_job_numberOfCompletedCheckpoints", "flink_jobmanager_job_numRestarts",
                 "flink_taskmanager_job_task_numRecordsIn", "records_lag_max"):  # fmt: skip
        assert name in metrics
    assert log.records[0].timestamp % 1000 == 0
    assert split.terminate()[0] == 0

"""The process on a real broker: one life through every kind of death, a clean stop and an upgrade, told by
several tests, for each start of Flink takes its time.
"""

import time
import urllib.request
from collections import Counter
from contextlib import closing

import pytest

from contracts.topics import MEASURE_TOPICS, READINGS_ARCHIVE
from local_stack.single import running_kafka
from tests.flink_jobs.split_process import CommittedLog, Feed, JobProcess, create_topics, wait_until

pytestmark = [pytest.mark.flink, pytest.mark.integration]

VISIBLE_TIMEOUT_S = 90.0
SENSOR_ID = 9_000_000
NEW_SENSOR_ID = SENSOR_ID + 1_000
BATCH = 300


@pytest.fixture(scope="module")
def bootstrap_servers(tmp_path_factory):
    """Of a broker of our own: what others write is dated now, and an upgraded job would read it again."""
    with running_kafka(tmp_path_factory.mktemp("kafka")) as broker:
        create_topics(broker.bootstrap_servers)
        yield broker.bootstrap_servers


@pytest.fixture(scope="module")
def life(bootstrap_servers, connector_jars_dir, flink_cache_dir, tmp_path_factory):
    process = JobProcess(
        bootstrap_servers, state_dir=tmp_path_factory.mktemp("split") / "state",
        connector_jars_dir=connector_jars_dir, cache_dir=flink_cache_dir, prefix=f"test-{time.time_ns()}",
    )  # fmt: skip
    feed = Feed(bootstrap_servers, first_sensor_id=SENSOR_ID, first_id=time.time_ns())
    log = CommittedLog(bootstrap_servers, first_sensor_id=SENSOR_ID)
    with closing(process), closing(feed), closing(log):
        life = Life(process, feed, log)
        life.play()
        yield life


class Life:
    """What was written, what came of it, and what else was seen."""

    def __init__(self, process, feed, log):
        self.process, self.feed, self.log = process, feed, log

    def play(self):
        self.process.start()
        self.feed.write_bad(b"garbage")
        self.feed.write_bad(None)
        self.feed.write(BATCH, topic=READINGS_ARCHIVE.name)
        self._work("the first values")
        self.page, self.metrics = map(_body, (self.process.rest_port, self.process.metrics_port))
        self.process.kill_python()

        self.process.start()
        self._work("values after Python was killed")
        self.exit_code_of_killed_java = self.process.kill_java()

        self.process.start()
        self._work("values after Java was killed")
        self.exit_code, self.seconds_of_stop = self.process.terminate()

        self.process.start()
        self._work("values after a clean stop")
        self._wait("what was in flight")
        # It may be read again by an upgraded job; all else is dated far before its two hours.
        self.feed.write_one(NEW_SENSOR_ID, timestamp_ms=time.time() * 1000)
        wait_until(self.of_new_sensor, limit_s=VISIBLE_TIMEOUT_S, what="the value of this moment")
        self.process.terminate()

        self.process.upgrade()
        self.feed.write(BATCH, topic=READINGS_ARCHIVE.name)
        self.process.start()
        self._work("values after an upgrade")
        self._wait("what was in flight")
        self.process.terminate()
        self.log.read()

    def of_new_sensor(self):
        self.log.read()
        return [record for record in self.log.records if int(record.key) == NEW_SENSOR_ID]

    def values_of_feed(self):
        return Counter({key: n for key, n in self.log.values.items() if key[0] != NEW_SENSOR_ID})

    def _work(self, what):
        """Values that become visible, and more that are in flight when the next death comes."""
        self.feed.write(BATCH)
        self._wait(what)
        self.feed.write(BATCH)

    def _wait(self, what):
        def everything_is_visible():
            self.log.read()
            is_whole = self.feed.expected.total() == self.values_of_feed().total()
            return is_whole and self.feed.bad <= set(self.log.letters)

        wait_until(everything_is_visible, limit_s=VISIBLE_TIMEOUT_S, what=what)


def _body(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        return answer.read().decode()


def test_every_value_is_there_once_whatever_died(life):
    assert life.values_of_feed() == life.feed.expected
    assert {record.topic for record in life.log.records} == {MEASURE_TOPICS["temperature"].name}
    assert {int(record.key) for record in life.log.records} == {
        NEW_SENSOR_ID, *(sensor_id for sensor_id, _ in life.feed.expected),
    }  # fmt: skip
    assert {record.timestamp % 1000 for record in life.log.records if int(record.key) != NEW_SENSOR_ID} == {0}


def test_every_bad_message_is_one_letter(life):
    assert {letter: life.log.letters[letter] for letter in life.feed.bad} == dict.fromkeys(life.feed.bad, 1)


def test_whoever_dies_takes_the_other_along_and_the_next_start_goes_on_from_its_state(life):
    assert life.exit_code_of_killed_java != 0
    first, *restarted, upgraded = [event["restored_from"] for event in life.process.events("job_submitted")]
    assert first is None
    assert all(restarted)
    assert upgraded is None


def test_a_stop_takes_a_savepoint_in_time_and_the_next_start_takes_that(life):
    assert life.exit_code == 0
    assert life.seconds_of_stop < 10
    savepoint = life.process.events("stopped_with_savepoint")[0]["savepoint"].rsplit("/", 1)[-1]
    assert life.process.events("job_submitted")[3]["restored_from"].endswith(savepoint)


def test_what_an_upgraded_job_reads_again_it_writes_again_the_same(life):
    again = life.of_new_sensor()

    assert len(again) == 2
    assert len({(record.topic, record.key, record.timestamp, record.value) for record in again}) == 1


def test_the_web_page_and_the_metrics_answer(life):
    assert "Apache Flink" in life.page
    for name in ("flink_jobmanager_job_numberOfCompletedCheckpoints", "flink_jobmanager_job_numRestarts",
                 "flink_taskmanager_job_task_numRecordsIn", "records_lag_max"):  # fmt: skip
        assert name in life.metrics

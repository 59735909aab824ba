"""`luftstrom backfill` as a process, on a real Kafka and a real Valkey."""

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

import kafka as kafka_python
import pytest
from kafka.structs import TopicPartition

from contracts.topics import READINGS_ARCHIVE, TOPICS
from local_stack.provisioning import create_topics
from runtime.redis_client import connect_redis
from scraper.backfill.door import CHUNK_RECORDS
from scraper.memory import totals_key
from scraper.place_cache import RedisPlaceCache
from scraper.places import Places
from tests.scraper.backfill.archive_files import HEADER, NAME, SDS011, a_file, rows_of_a_day
from tests.scraper.backfill.archive_server import serving, write_pages
from tests.scraper.backfill.independent_archive import read_back, readings_in

pytestmark = pytest.mark.integration

LIMIT_S = 120.0
MANY_ROWS, MEMORY_KIB_MAX = 300_000, 200_000_000 // 1024


class ArchiveTopic:
    """What comes to `readings-archive-v1` from now on."""

    def __init__(self, bootstrap_servers):
        self.bootstrap_servers = bootstrap_servers
        self.partitions = [
            TopicPartition(READINGS_ARCHIVE.name, n) for n in range(READINGS_ARCHIVE.partitions)
        ]
        with self._consumer() as consumer:
            self.starts = consumer.end_offsets(self.partitions)

    def _consumer(self):
        return closing(kafka_python.KafkaConsumer(bootstrap_servers=self.bootstrap_servers))

    def records(self):
        """The upstream record of each message, with repeats."""
        with self._consumer() as consumer:
            consumer.assign(self.partitions)
            for partition, start in self.starts.items():
                consumer.seek(partition, start)
            count = sum(consumer.end_offsets(self.partitions).values()) - sum(self.starts.values())
            return [READINGS_ARCHIVE.decode(message.value).record for message in islice(consumer, count)]


@pytest.fixture
def topic(environment, kafka):
    return ArchiveTopic(kafka.bootstrap_servers)


@pytest.fixture
def redis_client(valkey):
    with closing(connect_redis(valkey.url)) as client:
        client.flushall()
        yield client


@pytest.fixture
def environment(kafka, valkey, redis_client):
    create_topics(kafka.bootstrap_servers, TOPICS, lambda _line: None)
    return {
        **os.environ,
        "LOCAL_STACK_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "LOCAL_STACK_REDIS_URL": valkey.url,
    }


def command(*arguments):
    return [sys.executable, "-m", "luftstrom", "backfill", *map(str, arguments)]


def backfilled(environment, *arguments):
    """Exit code and both outputs of a whole run."""
    ended = subprocess.run(
        command(*arguments), env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    return ended.returncode, ended.stdout, ended.stderr


def totals(redis_client):
    counts = redis_client.hgetall(totals_key("archive"))
    return {name.decode(): int(count) for name, count in counts.items()}


def test_the_files_of_two_days_are_in_the_log_reading_by_reading(
    environment, topic, archive_days, redis_client
):
    code, said, _ = backfilled(environment, archive_days)
    expected = readings_in(archive_days)

    assert code == 0
    assert "51,488 read = 51,488 published + 0 repeated + 0 refused + 0 left out" in said
    assert read_back(topic.records()) == expected
    assert totals(redis_client)["published"] == sum(expected.values()) == 51_488


def test_days_of_the_archive_service_are_in_the_log_reading_by_reading(
    environment, topic, archive_days, redis_client, tmp_path
):
    for folder, suffix in (("2019/2019-05-13", ".gz"), ("2019-05-14", "")):
        (tmp_path / folder).mkdir(parents=True)
        for path in (archive_days / folder[-10:]).glob("*.csv"):
            content = gzip.compress(path.read_bytes()) if suffix else path.read_bytes()
            (tmp_path / folder / (path.name + suffix)).write_bytes(content)
    write_pages(tmp_path)
    with serving(tmp_path) as server:
        path = "/2019-05-14/2019-05-14_bme280_sensor_15093.csv"
        server.spoil(path, "cut", (503, {"Retry-After": "0"}))
        arguments = "--from", "2019-05-13", "--to", "2019-05-14", "--type", "BME280", "--type", "sds011"
        code, said, _ = backfilled({**environment, "SCRAPER_ARCHIVE_URL": server.url}, *arguments)
    expected = {key: n for key, n in readings_in(archive_days).items() if key[1] in {"BME280", "SDS011"}}

    assert code == 0, said
    assert read_back(topic.records()) == expected
    assert totals(redis_client)["fetched"] == sum(expected.values())
    assert server.counts[path] == 3
    assert not [path for path in server.asked if "dht22" in path]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_ended_in_the_middle_of_a_file_it_goes_on_and_counts_each_reading_once(
    environment, topic, redis_client, tmp_path, number
):
    rows = rows_of_a_day(12 * CHUNK_RECORDS)
    path = tmp_path / f"{NAME}.gz"
    path.write_bytes(gzip.compress(a_file(*rows)))
    with subprocess.Popen(command(path), env=environment, stdout=subprocess.PIPE, text=True) as process:
        ends_at_s = time.monotonic() + LIMIT_S
        while totals(redis_client).get("published", 0) < 2 * CHUNK_RECORDS:
            assert time.monotonic() < ends_at_s
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(number)
        said, _ = process.communicate(timeout=LIMIT_S)
    before = totals(redis_client)["published"]

    assert process.returncode != 0
    assert before < len(rows)
    assert number == signal.SIGKILL or f"{before:,} published" in said

    code, said, _ = backfilled(environment, path)
    values = [json.loads(record)["sensordatavalues"][0]["value"] for record in topic.records()]

    assert code == 0
    assert f"{len(rows) - before:,} published" in said
    assert totals(redis_client)["published"] == totals(redis_client)["fetched"] == len(rows)
    assert set(values) == {f"{n}.5" for n in range(len(rows))}
    assert len(values) - len(rows) <= CHUNK_RECORDS


def test_a_file_of_many_rows_takes_bounded_memory(environment, redis_client, tmp_path):
    # With the places known: the gazetteer alone takes more than 100 MB.
    places = Places(RedisPlaceCache(redis_client))
    path = tmp_path / "2019-05_sds011.csv"
    with path.open("w") as file:
        file.write(f"{HEADER};{SDS011}\n")
        for number in range(MANY_ROWS // 3_000):
            position = f"56.{number:03}", f"-2.{number:03}"
            places.of([(float(position[0]), float(position[1]))])
            sensor = f"{10_000 + number};SDS011;{number};{position[0]};{position[1]}"
            file.writelines(f"{row}\n" for row in rows_of_a_day(3_000, sensor=sensor))
    with subprocess.Popen(command(path), env=environment, stdout=subprocess.DEVNULL) as process:
        peak_kib = 0
        while process.poll() is None:
            peak_kib = max(peak_kib, peak_kib_of(process.pid))
            time.sleep(0.02)

    assert process.returncode == 0
    assert totals(redis_client)["published"] == MANY_ROWS
    assert 30_000 < peak_kib < MEMORY_KIB_MAX


def peak_kib_of(pid):
    """The most memory that the process has held so far; 0 when it is gone."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0


def test_without_a_broker_it_says_so_and_ends(environment, tmp_path):
    code, _, said = backfilled(
        {**environment, "LOCAL_STACK_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, tmp_path
    )

    assert code == 2
    assert "error: no Kafka at 127.0.0.1:1" in said


def test_a_file_that_cannot_be_read_is_told_by_the_exit_code_and_costs_no_other(environment, topic, tmp_path):
    (tmp_path / "wrong.csv").write_text("<html>\n")
    shutil.copy(tmp_path / "wrong.csv", tmp_path / "a.csv")
    (tmp_path / NAME).write_bytes(a_file(*rows_of_a_day(3), "garbage"))
    code, said, problems = backfilled(environment, tmp_path)

    assert code == 1
    assert "4 read = 3 published + 0 repeated + 1 refused (not_a_reading 1) + 0 left out" in said
    assert problems.count("problem:") == 2
    assert "wrong.csv is no file of the archive" in problems
    assert len(topic.records()) == 3

"""The back-fill door takes files of records, whole, once, and goes on where it was stopped."""

import gzip
import json
import lzma
import subprocess
import sys

import fakeredis
import pytest

from contracts.errors import BadInputError, UnavailableError
from contracts.topics import DEAD_LETTERS, READINGS_ARCHIVE, SENSORS
from runtime.clock import SettableClock
from runtime.memory_log import MemoryLog, MemoryPublisher
from scraper import backfill as door
from scraper.backfill import backfill, lines_of
from scraper.memory import Memory, totals_key
from scraper.places import Places
from tests.scraper.feed import a_record

NOON_2026_S = 1_767_268_800


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(door, "CHUNK_RECORDS", 10)


class House:
    def __init__(self):
        self.log = MemoryLog()
        self.redis = fakeredis.FakeRedis()
        self.progress = []

    def backfill(self, records, *, name="a-file", on_progress=None):
        return backfill(
            records,
            name=name,
            publisher=MemoryPublisher(self.log),
            memory=Memory(self.redis),
            places=Places(),
            clock=SettableClock(NOON_2026_S),
            on_progress=on_progress or self.progress.append,
        )

    def totals(self):
        return {name.decode(): int(n) for name, n in self.redis.hgetall(totals_key("archive")).items()}


@pytest.fixture
def house():
    return House()


def lines(count):
    return [json.dumps(a_record(number)).encode() for number in range(count)]


def test_every_record_is_published_to_the_archive_topic(house):
    totals = house.backfill(lines(25))

    assert totals["published"] == totals["fetched"] == 25
    assert len(house.log.values(READINGS_ARCHIVE.name)) == 25
    assert house.progress == [0, 10, 20, 25]


def test_history_tells_nothing_of_the_sensors(house):
    house.backfill(lines(25))

    assert house.log.values(SENSORS.name) == []


def test_a_second_run_does_nothing(house):
    house.backfill(lines(25))

    assert house.backfill(lines(25)) == {}
    assert len(house.log.values(READINGS_ARCHIVE.name)) == 25


def test_after_a_kill_it_goes_on_after_the_last_whole_chunk(house):
    def killed(done):
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        house.backfill(lines(25), on_progress=killed)
    house.backfill(lines(25))

    assert len(house.log.values(READINGS_ARCHIVE.name)) == 25
    assert house.totals()["published"] == 25


def test_while_kafka_is_away_nothing_is_done(house):
    house.log.is_available = False
    with pytest.raises(UnavailableError):
        house.backfill(lines(5))
    house.log.is_available = True

    assert house.backfill(lines(5))["published"] == 5
    assert house.totals()["fetched"] == 5


def test_a_bad_line_is_a_dead_letter_and_costs_no_other(house):
    totals = house.backfill([lines(1)[0], b"{broken", b'{"id": 7}', lines(2)[1]])
    letters = [DEAD_LETTERS.decode(body) for body in house.log.values(DEAD_LETTERS.name)]

    assert (totals["published"], totals["refused"]) == (2, 2)
    assert [(letter.reason, letter.original) for letter in letters] == [
        ("not_json", b"{broken"),
        ("not_a_reading", b'{"id": 7}'),
    ]


@pytest.mark.parametrize(("suffix", "packed"), [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)])
def test_a_file_is_read_packed_or_not(tmp_path, suffix, packed):
    path = tmp_path / f"records.jsonl{suffix}"
    path.write_bytes(packed(b"\n".join(lines(3)) + b"\n\n"))

    assert list(lines_of(path)) == lines(3)


@pytest.mark.parametrize(("suffix", "packed"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_a_file_that_is_cut_short_is_bad_input(tmp_path, suffix, packed):
    path = tmp_path / f"records.jsonl{suffix}"
    path.write_bytes(packed(b"\n".join(lines(3)))[:-20])

    with pytest.raises(BadInputError, match="records.jsonl"):
        list(lines_of(path))


def test_a_file_that_is_damaged_in_the_middle_is_bad_input(tmp_path):
    packed = bytearray(gzip.compress(b"\n".join(lines(500))))
    packed[200:260] = bytes(byte ^ 0xFF for byte in packed[200:260])
    path = tmp_path / "records.jsonl.gz"
    path.write_bytes(packed)

    with pytest.raises(BadInputError, match="records.jsonl"):
        list(lines_of(path))


def test_a_file_that_is_not_there_is_bad_input(tmp_path):
    with pytest.raises(BadInputError):
        list(lines_of(tmp_path / "none.jsonl"))


@pytest.mark.integration
def test_without_a_broker_it_says_so_and_ends(tmp_path):
    command = [
        sys.executable,
        "-m",
        "scraper.backfill",
        "--kafka",
        "127.0.0.1:1",
        "--redis",
        "redis://127.0.0.1:1/0",
    ]
    ended = subprocess.run(
        [*command, tmp_path / "x"], capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == 2
    assert ended.stderr.strip().startswith("error: no Kafka at 127.0.0.1:1")

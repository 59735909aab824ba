"""The archive of two days, and a back-fill into memory."""

import tarfile
from pathlib import Path

import fakeredis
import pytest

from contracts.topics import DEAD_LETTERS, READINGS_ARCHIVE
from runtime.clock import SettableClock
from runtime.memory_log import MemoryLog, MemoryPublisher
from scraper.backfill import ArchiveDoor
from scraper.backfill import door as door_module
from scraper.backfill.running import Backfill
from scraper.memory import Memory, totals_key
from scraper.places import Places
from scraper.selection import Selection

NOON_2026_S = 1_767_268_800


@pytest.fixture(scope="session")
def archive_days(tmp_path_factory):
    """A folder of two days' folders of daily files, plain."""
    folder = tmp_path_factory.mktemp("archive")
    with tarfile.open(Path(__file__).with_name("aberdeen-2019-05.tar.xz")) as packed:
        packed.extractall(folder, filter="data")
    return folder


class House:
    """A door whose Kafka and Redis are in memory."""

    def __init__(self):
        self.log = MemoryLog()
        self.redis = fakeredis.FakeRedis()
        self.memory = Memory(self.redis)
        self.clock = SettableClock(NOON_2026_S)

    def door(self, **choices):
        return ArchiveDoor(MemoryPublisher(self.log), self.memory, Places(), self.clock, Selection(**choices))

    def backfill(self, **choices):
        return Backfill(self.door(**choices))

    def take(self, *paths, **choices):
        """The outcome of one run over files and folders."""
        backfill = self.backfill(**choices)
        backfill.take_paths(paths, lambda _done, _total: None)
        return backfill.outcome

    def readings(self):
        return [READINGS_ARCHIVE.decode(body) for body in self.log.values(READINGS_ARCHIVE.name)]

    def letters(self):
        """Reason and bytes of each dead letter."""
        letters = [DEAD_LETTERS.decode(body) for body in self.log.values(DEAD_LETTERS.name)]
        return [(letter.reason, letter.original) for letter in letters]

    def totals(self):
        return {name.decode(): int(n) for name, n in self.redis.hgetall(totals_key("archive")).items()}


@pytest.fixture
def house(monkeypatch):
    monkeypatch.setattr(door_module, "CHUNK_RECORDS", 10)
    return House()

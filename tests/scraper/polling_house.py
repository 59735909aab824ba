"""A poller with everything around it that can be away."""

import fakeredis
from prometheus_client import CollectorRegistry

from contracts.errors import UnavailableError
from contracts.topics import DEAD_LETTERS, READINGS_RAW
from runtime.clock import SettableClock
from runtime.memory_log import MemoryLog, MemoryPublisher
from scraper.memory import Memory, totals_key
from scraper.metrics import Metrics
from scraper.places import Places
from scraper.polling import Poller, Rules
from scraper.selection import Selection
from scraper.shared_memory import SharedMemory
from tests.scraper.feed import a_record, payload_of
from tests.scraper.scripted_lease import ScriptedLease

NOON_2026_S = 1_767_268_800


class ScriptedSource:
    """Gives the payloads of a list, one a fetch."""

    origin = None

    def __init__(self, *payloads):
        self.payloads = list(payloads)
        self.accepted = 0

    def fetch(self):
        payload = self.payloads.pop(0)
        if isinstance(payload, Exception):
            raise payload
        return payload

    def accept(self):
        self.accepted += 1


class FlakyMemory(Memory):
    """A memory that can be away, or lose its answer after it did what it was told."""

    is_away = False
    is_unreadable = False
    loses_answers = False

    def mark(self):
        if self.is_away:
            raise UnavailableError("away")
        return super().mark()

    def published(self):
        if self.is_away or self.is_unreadable:
            raise UnavailableError("away")
        return super().published()

    def remember(self, published, totals, *, mark, after):
        if self.is_away:
            raise UnavailableError("away")
        is_done = super().remember(published, totals, mark=mark, after=after)
        if self.loses_answers:
            raise UnavailableError("no answer")
        return is_done


class House:
    """A poller with everything around it, and a look at what came of it."""

    def __init__(self):
        self.log = MemoryLog()
        self.redis = fakeredis.FakeRedis()
        self.memory = FlakyMemory(self.redis)
        self.source = ScriptedSource()
        self.lease = ScriptedLease()
        self.selection = Selection()
        self.clock = SettableClock(NOON_2026_S)
        self.restart()

    def restart(self):
        """A new process: nothing is known but what is in Redis and the log."""
        self.poller = self.another_poller(self.source)

    def another_poller(self, source, publisher=None):
        metrics = Metrics(CollectorRegistry())
        return Poller(
            source,
            publisher or MemoryPublisher(self.log),
            SharedMemory(self.memory, self.lease, metrics),
            places=Places(),
            clock=self.clock,
            metrics=metrics,
            rules=Rules(300.0, self.selection),
        )

    def poll(self, payload):
        self.source.payloads.append(payload)
        return self.poller.poll()

    def suffers(self, trouble):
        """Whether Redis or Kafka is away, until told otherwise; all is well where it names neither."""
        self.memory.is_away = trouble == "no redis"
        self.memory.is_unreadable = trouble == "unreadable redis"
        self.memory.loses_answers = trouble == "no answer of redis"
        self.log.is_available = trouble != "no kafka"

    def published(self):
        decoded = [READINGS_RAW.decode(body) for body in self.log.values(READINGS_RAW.name)]
        return [int(reading.record.split(b'"id":')[1].split(b",")[0]) - 3_490_000_000 for reading in decoded]

    def letters(self):
        return [DEAD_LETTERS.decode(body) for body in self.log.values(DEAD_LETTERS.name)]

    def totals(self):
        counts = self.redis.hgetall(totals_key("live"))
        return {name.decode(): int(value) for name, value in counts.items() if name != b"mark"}


def records(*numbers):
    return payload_of(*(a_record(number) for number in numbers))

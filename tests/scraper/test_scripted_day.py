"""A scripted day: the recording polled every two minutes, its answers spoiled in every way there is.

What was served is known from the recording's file alone; what was published is read from Kafka.
"""

import json
import lzma
import threading
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest
import requests
from prometheus_client import CollectorRegistry

from contracts.errors import UnavailableError
from contracts.topics import TOPICS
from local_stack.provisioning import create_topics
from local_stack.recording_server.playback import RunningPlayback
from local_stack.recording_server.server import DATA_PATH, RecordingServer
from local_stack.recording_server.service import Service
from local_stack.recording_server.timeline import Timeline, window
from local_stack.recordings import Recording
from luftstrom.letters import read_letters
from runtime.clock import SettableClock
from runtime.kafka_publisher import KafkaPublisher
from runtime.kafka_reader import KafkaLogReader
from runtime.redis_client import connect_redis
from scraper.lease import Lease
from scraper.memory import Memory
from scraper.metrics import Metrics
from scraper.places import Places
from scraper.polling import Poller, Rules
from scraper.sensor_community_source import SensorCommunitySource
from scraper.settings import Settings
from scraper.shared_memory import SharedMemory
from tests.scraper.processes import RawTopic, totals

pytestmark = pytest.mark.integration

FILE = Path(__file__).parents[2] / "local_stack" / "recordings" / "aberdeen-2019-05-12.jsonl.xz"
BEGINS_AT = "2019-05-12 00:00:15"
BEGINS_AT_S = 1_557_619_215
ENDS_AT = "2019-05-13 00:00:14"
DAY_S = 86_400
POLL_INTERVAL_S = 120
READ_TIMEOUT_S = 2.0

# One in every second poll, in turn: the five minutes of a list outlive one poll that gets nothing.
FAULTS = (
    "mode=slow&seconds=0.05",
    "mode=304",
    "mode=404",
    "mode=500",
    "mode=truncated",
    "mode=empty",
    "mode=garbage",
    "mode=duplicates",
    "mode=clock-jump&seconds=-600",  # what was shown before
    "mode=clock-jump&seconds=450",  # what is to come, half of it too far ahead
    "mode=inject",
)
NO_RECORD = b'{"id": 1, "timestamp": "no record"}'
# Once, for the client waits it out.
IMPATIENCE, IMPATIENT_POLL = f"mode=slow&seconds={READ_TIMEOUT_S + 0.5}", 101


@contextmanager
def playing(clock):
    """The recording at its own time, on a clock that the test moves; its address."""
    recording = Recording.load(FILE)
    timeline = Timeline.of(recording, starts_at_s=BEGINS_AT_S - 1)
    server = RecordingServer("127.0.0.1", 0)
    server.service = Service(
        recording,
        timeline,
        RunningPlayback(clock, begins_at_s=timeline.starts_at_s, speed=1),
        window=partial(window, recording, timeline),
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def polling(base, kafka, valkey, clock):
    """A poller of this feed, on a real broker and a real Valkey."""
    settings = Settings(
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        redis_url=valkey.url,
        source_url=base + DATA_PATH,
        read_timeout_s=READ_TIMEOUT_S,
    )
    with (
        closing(SensorCommunitySource(settings)) as source,
        closing(KafkaPublisher(kafka.bootstrap_servers, client_id="a-day")) as publisher,
        closing(connect_redis(valkey.url)) as client,
    ):
        client.flushall()
        metrics = Metrics(CollectorRegistry())
        lease = Lease(client, holder="a-day", seconds=60.0, kept_s=0.0, clock=clock, metrics=metrics)
        yield Poller(
            source,
            publisher,
            SharedMemory(Memory(client), lease, metrics),
            places=Places(),
            clock=clock,
            metrics=metrics,
            rules=Rules(future_s_max=settings.future_s_max),
        )


@dataclass
class Day:
    """What came of a day."""

    counts: Counter = field(default_factory=Counter)  # the totals of all summaries together
    suffered: Counter = field(default_factory=Counter)  # by fault
    failures: int = 0
    published: list = field(default_factory=list)  # the ids in Kafka, with repeats
    refused: Counter = field(default_factory=Counter)  # the dead letters in Kafka, by reason
    remembered: dict = field(default_factory=dict)  # the totals in Valkey


def polled_day(poller, base, clock):
    day, faults = Day(), cycle(FAULTS)
    for poll in range(DAY_S // POLL_INTERVAL_S):
        clock.advance(POLL_INTERVAL_S)
        if poll % 2:
            fault = IMPATIENCE if poll == IMPATIENT_POLL else next(faults)
            requests.post(f"{base}/recording/inject?{fault}", data=NO_RECORD, timeout=10).raise_for_status()
            day.suffered[fault] += 1
        try:
            day.counts.update(poller.poll().totals)
        except UnavailableError:
            day.failures += 1
    return day


def ids_of_the_day():
    """The ids of the file's first day, read without the product."""
    with lzma.open(FILE, "rt") as lines:
        records = [json.loads(line) for line in lines]
    return [record["id"] for record in records if BEGINS_AT <= record["timestamp"] <= ENDS_AT]


def reasons_of_letters(kafka):
    return Counter(each.content.reason for each in read_letters(KafkaLogReader(kafka.bootstrap_servers)))


@pytest.fixture(scope="module")
def day(kafka, valkey):
    create_topics(kafka.bootstrap_servers, TOPICS, lambda _line: None)
    clock, topic, letters = (
        SettableClock(BEGINS_AT_S - 1),
        RawTopic(kafka.bootstrap_servers),
        reasons_of_letters(kafka),
    )
    with playing(clock) as base, polling(base, kafka, valkey, clock) as poller:
        day = polled_day(poller, base, clock)
    day.published, day.refused = topic.ids(), reasons_of_letters(kafka) - letters
    day.remembered = totals(valkey)
    topic.consumer.close()
    return day


def test_published_is_what_was_served_nothing_lost_and_nothing_twice(day):
    served = ids_of_the_day()

    assert len(served) > 25_000
    assert sorted(day.published) == sorted(served)


def test_the_arithmetic_closes(day):
    counts = day.counts

    assert counts["fetched"] == sum(counts[name] for name in ("published", "repeated", "refused", "left_out"))
    assert counts["published"] == len(day.published)
    assert counts["refused"] == day.refused.total()
    assert counts["repeated"] > counts["published"]
    assert {name: day.remembered[name] for name in counts if counts[name]} == +counts


def test_every_fault_was_met_and_answered_as_it_should_be(day):
    suffered = day.suffered
    failing = ("mode=404", "mode=500", IMPATIENCE)

    assert suffered.keys() == {*FAULTS, IMPATIENCE}
    assert min(suffered[fault] for fault in FAULTS) >= 30
    assert day.failures == sum(suffered[fault] for fault in failing)
    assert day.refused.keys() == {"truncated_payload", "not_a_reading", "from_the_future"}
    assert day.refused["truncated_payload"] == suffered["mode=truncated"] + suffered["mode=garbage"]
    assert day.refused["not_a_reading"] == suffered["mode=inject"]

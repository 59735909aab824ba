"""The loop on the twins in memory: nothing is committed that is not safe, nothing safe is lost."""

import threading
import time

import pytest

from collector import collecting
from collector.batches import TooManyBadError
from collector.collecting import Collector, Surroundings
from collector.settings import Settings
from collector.writer_thread import WriterThread
from collector.writing import BatchWriter
from contracts.dead_letters import Reason
from contracts.errors import UnavailableError
from contracts.points import STORED_BY_TOPIC
from contracts.stored import HOURLY, LIVE_BUCKET, RETENTION_S_BY_BUCKET
from contracts.topics import AGGREGATE_TOPICS, DEAD_LETTERS
from runtime.clock import SystemClock
from runtime.health import Health
from runtime.memory_log import MemoryLog, MemoryPublisher, MemoryRecordSource
from runtime.memory_store import MemoryPointStore
from runtime.store_interface import WriteRefusedError
from tests.collector.builders import PM10, PM10_PARTITION, a_body, guards, influx_error

LIMIT_S = 10.0
GROUP = "collector"


def wait_until(holds):
    ends_at_s = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < ends_at_s, "it never came true"
        threading.Event().wait(0.002)


def wait_for_metric(registry, name, *, at_least):
    """Its value, once it is so high."""
    wait_until(lambda: (registry.get_sample_value(name) or 0) >= at_least)
    return registry.get_sample_value(name)


class RefusingStore(MemoryPointStore):
    """Refuses the lines of one sensor by name."""

    refused_sensor = None

    def write(self, lines):
        bad = [line for line in lines if f"sensor_id={self.refused_sensor}," in line]
        if bad:
            raise WriteRefusedError(400, influx_error("invalid", f"unable to parse '{bad[0]}': no"))
        super().write(lines)


class FlakyPublisher(MemoryPublisher):
    """Acknowledges nothing while it is down."""

    is_down = False

    def flush(self, timeout_s=None):
        if self.is_down:
            self.close()
            raise UnavailableError("no delivery report")
        super().flush(timeout_s)


class World:
    """A collector on memory: its log, its store, and what it says of itself."""

    def __init__(self, clock, metrics, **settings):
        self.log, self.clock, self.metrics = MemoryLog(), clock, metrics
        self.stores = {bucket: RefusingStore() for bucket in RETENTION_S_BY_BUCKET}
        self.store = self.stores[LIVE_BUCKET]
        self.publisher = FlakyPublisher(self.log)
        self.settings = Settings(
            kafka_bootstrap_servers="memory",
            influx_url="memory",
            influx_token_file="memory",
            metrics_port=0,
            **{"batch_lines": 10, "batch_age_s": 0.01, "stop_flush_s": 1.0, **settings},
        )
        self.failure = None

    def start(self):
        self.stopping, self.health = threading.Event(), Health()
        self.source = MemoryRecordSource(self.log, topics=sorted(STORED_BY_TOPIC), group_id=GROUP)
        parts = {"clock": self.clock, "stopping": self.stopping, "metrics": self.metrics}
        writers = {
            bucket: BatchWriter(self.stores[bucket], bucket=bucket, backoff_base_s=0.002, **parts)
            for bucket in RETENTION_S_BY_BUCKET
        }
        writer = WriterThread(writers, self.publisher, queue_batches=self.settings.queue_batches, **parts)
        collector = Collector(
            self.source, writer, self.settings, Surroundings(health=self.health, guards=guards(), **parts)
        )
        self.thread = threading.Thread(target=self._run, args=(collector,), daemon=True)
        self.thread.start()
        return self

    def stop(self):
        self.stopping.set()
        self.join()

    def join(self):
        self.thread.join(LIMIT_S)
        assert not self.thread.is_alive()

    def append(self, *bodies):
        for body in bodies:
            self.log.append(PM10.name, body, key=b"71", timestamp_ms=0)

    def append_values(self, count):
        now_s = int(self.clock.now_s())
        self.append(*(a_body(sensor_id=i + 1, observed_at_s=now_s) for i in range(count)))

    @property
    def committed(self):
        return self.log.committed.get((GROUP, PM10_PARTITION), 0)

    @property
    def dead_letters(self):
        return [DEAD_LETTERS.decode(value) for value in self.log.values(DEAD_LETTERS.name)]

    def _run(self, collector):
        try:
            collector.run()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.failure = error


@pytest.fixture
def a_world(clock, metrics):
    worlds = []

    def make(**settings):
        worlds.append(World(clock, metrics, **settings))
        return worlds[-1]

    yield make
    for world in worlds:
        world.stop()


def test_everything_is_stored_and_committed(a_world, registry):
    world = a_world().start()
    world.append_values(95)

    wait_until(lambda: world.committed == 95)

    assert len(world.store.points) == 95
    assert registry.get_sample_value("collector_records_consumed_total") == 95
    assert world.health.unready_because is None


def test_nothing_is_committed_before_it_is_stored(a_world):
    world = a_world()
    world.store.is_available = False
    world.append_values(10)
    world.start()

    wait_until(lambda: world.health.unready_because == "the store is down")
    assert world.committed == 0

    world.store.is_available = True
    wait_until(lambda: world.committed == 10)
    assert len(world.store.points) == 10
    wait_until(lambda: world.health.unready_because is None)


def test_while_the_store_is_away_reading_stops_and_the_loop_goes_on(a_world, registry):
    world = a_world(queue_batches=2)
    world.store.is_available = False
    world.append_values(1000)
    world.start()

    # Two batches wait in the queue and one in the loop.
    wait_until(lambda: registry.get_sample_value("collector_queue_batches") == 2)
    wait_until(lambda: registry.get_sample_value("collector_records_consumed_total") >= 30)
    assert registry.get_sample_value("collector_records_consumed_total") <= 40
    assert world.health.is_live

    world.store.is_available = True
    wait_until(lambda: world.committed == 1000)
    assert len(world.store.points) == 1000


def test_how_much_is_held_and_how_far_behind_it_is_are_told(a_world, registry, monkeypatch):
    monkeypatch.setattr(collecting, "LAG_EVERY_S", 0.02)
    world = a_world(queue_batches=1)
    world.store.is_available = False
    world.append_values(100)
    world.start()

    consumed = wait_for_metric(registry, "collector_records_consumed_total", at_least=20)
    wait_until(lambda: 0 < registry.get_sample_value("collector_lag_records") <= 100 - consumed)
    wait_for_metric(registry, "collector_lag_seconds", at_least=0.05)
    assert registry.get_sample_value("collector_partitions") == len(world.source.assigned())

    world.store.is_available = True
    wait_until(lambda: registry.get_sample_value("collector_lag_records") == 0)
    wait_until(lambda: registry.get_sample_value("collector_lag_seconds") == 0)


def test_a_stop_writes_and_commits_what_is_held(a_world):
    world = a_world(batch_age_s=60.0, batch_lines=1000)
    world.append_values(7)
    world.start()
    wait_until(lambda: world.source.lag() == 0)

    world.stop()

    assert (world.committed, len(world.store.points)) == (7, 7)


def test_a_stop_while_the_store_is_away_commits_nothing_and_the_next_start_reads_again(a_world):
    world = a_world()
    world.store.is_available = False
    world.append_values(100)
    world.start()
    wait_until(lambda: world.health.unready_because == "the store is down")

    started_at_s = time.monotonic()
    world.stop()
    assert time.monotonic() - started_at_s < 3.0
    assert (world.committed, world.failure) == (0, None)

    world.store.is_available = True
    world.start()
    wait_until(lambda: world.committed == 100)
    assert len(world.store.points) == 100


def test_poison_is_set_aside_and_costs_no_other(a_world, registry):
    world = a_world()
    world.append_values(50)
    world.append(b"poison", None)
    world.append_values(50)
    world.start()

    wait_until(lambda: world.committed == 102)

    assert len(world.store.points) == 50
    assert [(letter.reason, letter.source_offset) for letter in world.dead_letters] == [
        (Reason.UNDECODABLE, 50),
        (Reason.UNDECODABLE, 51),
    ]
    assert world.dead_letters[0].original == b"poison"
    sample = registry.get_sample_value("collector_messages_set_aside_total", {"reason": "undecodable"})
    assert sample == 2


def test_a_line_that_the_store_refuses_is_set_aside(a_world):
    world = a_world()
    now_s = int(world.clock.now_s())
    world.store.refused_sensor = 9
    world.append(*(a_body(observed_at_s=now_s, sensor_id=sensor_id) for sensor_id in (8, 9, 10)))
    world.start()

    wait_until(lambda: world.committed == 3)

    assert [(letter.sensor_id, letter.reason) for letter in world.dead_letters] == [
        (9, Reason.REFUSED_BY_STORE)
    ]
    assert len(world.store.points) == 2


def test_offsets_wait_for_the_dead_letters(a_world):
    world = a_world()
    world.publisher.is_down = True
    world.append_values(3)
    world.append(b"poison")
    world.start()

    wait_until(lambda: world.health.unready_because == "waiting for Kafka to take dead letters")
    assert (len(world.store.points), world.committed) == (3, 0)

    world.publisher.is_down = False
    wait_until(lambda: world.committed == 4)
    assert len(world.dead_letters) == 1


def test_mostly_bad_batches_end_the_collector_without_a_commit(a_world):
    world = a_world(batch_lines=200)
    world.append_values(80)
    world.append(*[b"a new schema"] * 120)
    world.start()

    world.join()

    assert isinstance(world.failure, TooManyBadError)
    assert (world.committed, world.dead_letters) == (0, [])


@pytest.mark.slow
def test_an_outage_of_kafka_is_told_and_waited_for(a_world):
    world = a_world()
    world.log.is_available = False
    world.start()
    wait_until(lambda: world.health.unready_because == "the log is down")

    world.append_values(5)
    world.log.is_available = True

    wait_until(lambda: world.committed == 5)
    wait_until(lambda: world.health.unready_because is None)


def test_a_partition_that_was_taken_away_is_not_committed(a_world):
    world = a_world()
    world.store.is_available = False
    world.append_values(5)
    world.start()
    wait_until(lambda: world.source.lag() == 0)

    world.source.assigned = frozenset
    world.store.is_available = True
    wait_until(lambda: len(world.store.points) == 5)
    world.stop()

    assert world.committed == 0


def test_a_collector_that_kafka_forgot_ends_so_that_a_new_one_joins(a_world, monkeypatch):
    monkeypatch.setattr(collecting, "STALLED_S_MAX", 0.05)
    monkeypatch.setattr(MemoryRecordSource, "assigned", lambda _self: frozenset())
    world = a_world(batch_age_s=0.01)
    world.clock = SystemClock()
    world.start()
    world.join()

    assert isinstance(world.failure, UnavailableError)
    assert "no partition" in str(world.failure)


def test_nothing_is_committed_before_every_bucket_has_its_part(a_world):
    world = a_world()
    world.stores[HOURLY.name].is_available = False
    now_s = int(world.clock.now_s())
    hour = (
        f'{{"sensor_id":70,"measure":"pm10","starts_at_s":{now_s - 3600},"count":1,"flagged":0,"mean":5.0}}'
    )
    world.log.append(AGGREGATE_TOPICS["1h"].name, hour.encode(), key=b"70", timestamp_ms=0)
    world.append_values(5)
    world.start()

    wait_until(lambda: world.health.unready_because == "the store is down")
    assert world.committed == 0

    world.stores[HOURLY.name].is_available = True
    wait_until(lambda: world.committed == 5)
    assert (len(world.store.points), len(world.stores[HOURLY.name].points)) == (5, 1)


def test_after_a_long_wait_for_the_store_partitions_are_paused_and_polled(a_world, monkeypatch):
    monkeypatch.setattr(collecting, "PAUSE_AFTER_S", 0.05)
    world = a_world(queue_batches=1)
    world.store.is_available = False
    world.append_values(100)
    world.start()
    wait_until(lambda: world.source._is_paused)

    world.store.is_available = True
    wait_until(lambda: world.committed == 100)
    assert not world.source._is_paused


def test_a_collector_that_kafka_gives_nothing_more_ends_so_that_a_new_one_goes_on(a_world, monkeypatch):
    monkeypatch.setattr(collecting, "STALLED_S_MAX", 0.05)
    monkeypatch.setattr(MemoryRecordSource, "poll", lambda *_args, **_options: {})
    world = a_world()
    world.clock = SystemClock()
    world.append_values(7)
    world.start()
    world.join()

    assert isinstance(world.failure, UnavailableError)
    assert "no record of 7" in str(world.failure)


@pytest.mark.slow
def test_a_collector_that_waits_for_its_store_is_not_stalled(a_world, monkeypatch):
    monkeypatch.setattr(collecting, "STALLED_S_MAX", 0.5)
    world = a_world(queue_batches=1)
    world.clock = SystemClock()
    world.store.is_available = False
    world.append_values(100)
    world.start()
    wait_until(lambda: world.health.unready_because == "the store is down")
    rounds = []
    lag = world.source.lag
    monkeypatch.setattr(collecting, "LAG_EVERY_S", 0.01)
    world.source.lag = lambda: rounds.append(1) or lag()
    wait_until(lambda: len(rounds) > 20)

    world.store.is_available = True
    wait_until(lambda: world.committed == 100)
    assert world.failure is None

"""`sensors-v1` is told of every change, after the readings and before it is remembered."""

import fakeredis
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from contracts.errors import UnavailableError
from contracts.places import DetailedPlace, PlaceOrigin
from contracts.sensors import Sensor, SensorChange
from contracts.topics import READINGS_RAW, SENSORS
from runtime.clock import SettableClock
from runtime.memory_log import MemoryLog, MemoryPublisher
from scraper.memory import SENSORS_KEY, Memory
from scraper.metrics import Metrics
from scraper.places import Places
from scraper.polling import Poller, Rules
from scraper.selection import Selection
from scraper.sensors import KnownSensor, KnownSensors
from scraper.shared_memory import SharedMemory
from tests.scraper.feed import a_record, payload_of
from tests.scraper.scripted_lease import ScriptedLease

NOON_2026_S = 1_767_268_800
HOUR_S = 3600
MIDNIGHT_2026_S = NOON_2026_S - 12 * HOUR_S
STUTTGART = {"id": 1, "latitude": "48.78", "longitude": "9.18", "indoor": 0}
NEW, MOVED, RETYPED, SILENT, BACK = SensorChange


class FlakyMemory(Memory):
    """A memory that cannot be read, or takes nothing."""

    is_away = False
    is_full = False

    def sensors(self):
        if self.is_away:
            raise UnavailableError("away")
        return super().sensors()

    def remember_sensors(self, sensors):
        if self.is_away or self.is_full:
            raise UnavailableError("away or full")
        super().remember_sensors(sensors)


class FlakyPublisher(MemoryPublisher):
    """A Kafka that goes away after some flushes."""

    flushes_left = None

    def flush(self, timeout_s=None):
        if self.flushes_left is not None:
            self.flushes_left -= 1
            if self.flushes_left < 0:
                self._waiting.clear()
                raise UnavailableError("no Kafka")
        super().flush(timeout_s)


class House:
    """A poller of one feed, and what it told of the sensors."""

    def __init__(self):
        self.log, self.redis, self.clock = MemoryLog(), fakeredis.FakeRedis(), SettableClock(NOON_2026_S)
        self.memory, self.rules, self.payload = FlakyMemory(self.redis), Rules(300.0), b"[]"
        self.restart()

    def restart(self):
        self.registry, self.publisher = CollectorRegistry(), FlakyPublisher(self.log)
        metrics = Metrics(self.registry)
        self.poller = Poller(
            self,
            self.publisher,
            SharedMemory(self.memory, ScriptedLease(), metrics),
            places=Places(),
            clock=self.clock,
            metrics=metrics,
            rules=self.rules,
        )

    origin = None

    def fetch(self):
        return self.payload

    def accept(self):
        pass

    def poll(self, *records, after_s=120):
        """What was told by a poll of these records."""
        self.clock.advance(after_s)
        self.payload = payload_of(*records)
        before = len(self.told())
        self.poller.poll()
        return [(sensor.sensor_id, sensor.changes) for sensor in self.told()[before:]]

    def told(self):
        return [SENSORS.decode(body) for body in self.log.values(SENSORS.name)]


@pytest.fixture
def house():
    return House()


def at(minute, number=1, **changes):
    """A record of sensor 7000 + number, so many minutes after midnight."""
    timestamp = f"2026-01-01 {minute // 60:02}:{minute % 60:02}:00"
    sensor = {"id": 7000 + number, "sensor_type": {"name": "SDS011"}}
    return a_record(1000 * number + minute, **{"timestamp": timestamp, "sensor": sensor, **changes})


def test_a_sensor_is_described_with_its_place(house):
    house.poll(at(0))
    (record,) = next(each for partition, each in house.log.records.items() if partition.topic == SENSORS.name)

    assert (record.key, record.timestamp_ms) == (b"7001", MIDNIGHT_2026_S * 1000)
    assert house.told() == [
        Sensor(
            sensor_id=7001,
            changes=(NEW,),
            observed_at_s=MIDNIGHT_2026_S,
            sensor_type="SDS011",
            lat=57.13,
            lon=-2.086,
            indoor=0,
            place=DetailedPlace(
                country="GB",
                country_name="United Kingdom",
                admin_area="Scotland",
                city="Aberdeen",
                geohash="gfnt081",
                origin=PlaceOrigin.GAZETTEER,
            ),
        )
    ]


def test_a_position_is_told_no_finer_than_the_network_blurs_it(house):
    exact = {"id": 1, "latitude": "57.13049123", "longitude": "-2.08649123", "exact_location": 1, "indoor": 1}
    house.poll(at(0, location=exact))
    (sensor,) = house.told()

    assert (sensor.lat, sensor.lon, sensor.indoor) == (57.13, -2.086, 1)


def test_a_sensor_without_position_and_type_is_told_too(house):
    house.poll(at(0, location=None, sensor={"id": 7001}))
    (sensor,) = house.told()

    assert (sensor.lat, sensor.lon, sensor.place, sensor.sensor_type) == (None, None, None, None)


def test_only_what_changed_is_told(house):
    house.poll(at(0), at(0, 2))

    assert house.poll(at(2), at(2, 2)) == []
    assert house.poll(at(4, location=STUTTGART), at(4, 2)) == [(7001, (MOVED,))]
    assert house.told()[-1].place.city == "Stuttgart"
    assert house.poll(at(6, 2, sensor={"id": 7002, "sensor_type": {"name": "SPS30"}})) == [(7002, (RETYPED,))]


def test_a_restarted_scraper_tells_nothing_twice(house):
    house.poll(at(0))
    house.restart()

    assert house.poll(at(0), at(2)) == []


def test_a_sensor_falls_silent_and_comes_back(house):
    house.poll(at(0), at(0, 2))
    told = [house.poll(at(hour, 2), after_s=HOUR_S) for hour in range(1, 27)]

    assert [each for each in told if each] == [[(7001, (SILENT,))]]
    assert house.told()[-1].place.city == "Aberdeen"
    assert house.told()[-1].observed_at_s == MIDNIGHT_2026_S
    assert house.registry.get_sample_value("scraper_sensors", {"state": "silent"}) == 1
    assert house.poll(at(60)) == [(7001, (BACK,))]


def test_what_is_left_out_is_not_followed(house):
    house.rules = Rules(300.0, Selection(sensor_ids=frozenset({7002})))
    house.restart()

    assert house.poll(at(0), at(0, 2)) == [(7002, (NEW,))]


def test_while_redis_is_away_nothing_is_told_which_is_said_once_and_caught_up(house):
    house.poll(at(0))
    house.memory.is_away = True
    with capture_logs() as logs:
        assert house.poll(at(2, location=STUTTGART)) == []
        assert house.poll(at(4, location=STUTTGART), at(4, 2)) == []
    house.memory.is_away = False

    assert [event["event"] for event in logs].count("sensors_not_followed") == 1
    assert len(house.log.values(READINGS_RAW.name)) == 4
    assert house.poll(at(6, location=STUTTGART), at(6, 2)) == [(7001, (MOVED,)), (7002, (NEW,))]


def test_each_outage_is_said(house):
    with capture_logs() as logs:
        for is_away in (True, False, True):
            house.memory.is_away = is_away
            house.poll(at(0))

    assert [event["event"] for event in logs].count("sensors_not_followed") == 2


def test_a_redis_that_answers_and_takes_nothing_makes_no_flood(house):
    house.memory.is_full = True
    told = [house.poll(at(minute)) for minute in range(5)]
    house.memory.is_full = False

    assert told == [[(7001, (NEW,))], [], [], [], []]
    assert house.poll(at(6)) == []
    assert house.memory.sensors().by_id[7001].observed_at_s == MIDNIGHT_2026_S + 360


def test_where_kafka_does_not_take_it_nothing_is_remembered_and_it_is_told_again(house):
    house.publisher.flushes_left = 1
    with pytest.raises(UnavailableError):
        house.poll(at(0))
    house.publisher.flushes_left = None

    assert len(house.log.values(READINGS_RAW.name)) == 1
    assert house.memory.sensors() == KnownSensors()
    assert house.poll(at(0)) == [(7001, (NEW,))]


def test_where_the_readings_are_not_taken_no_sensor_is_told(house):
    house.publisher.flushes_left = 0
    with pytest.raises(UnavailableError):
        house.poll(at(0))

    assert house.told() == []


def test_killed_between_telling_and_remembering_it_tells_the_same_again(house):
    house.memory.is_full = True
    house.poll(at(0))
    house.memory.is_full = False
    house.restart()

    assert house.poll(at(0)) == [(7001, (NEW,))]
    assert house.told()[0] == house.told()[1]


def test_changes_are_counted(house):
    house.poll(at(0), at(0, 2))

    assert house.registry.get_sample_value("scraper_sensor_changes_total", {"change": "new"}) == 2
    assert house.registry.get_sample_value("scraper_sensors", {"state": "sending"}) == 2


def test_all_sensors_are_one_value(client):
    memory = Memory(client)
    known = KnownSensors(
        {n: KnownSensor(NOON_2026_S, NOON_2026_S, "SDS011", (57_130, n)) for n in range(35_000)}
    )
    memory.remember_sensors(known)

    assert memory.sensors() == known
    assert client.dbsize() == 1
    assert client.strlen(SENSORS_KEY) < 1_200_000


def test_a_value_that_is_not_ours_is_no_sensor(client):
    client.set(SENSORS_KEY, b"nonsense")

    assert Memory(client).sensors() == KnownSensors()

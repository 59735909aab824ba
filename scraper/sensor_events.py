"""What changed with the sensors, into `sensors-v1`: told after their readings, remembered once it is told."""

from collections import Counter
from collections.abc import Iterable
from typing import Protocol

import structlog

from contracts.errors import UnavailableError
from contracts.places import DetailedPlace
from contracts.sensors import Sensor
from contracts.topics import SENSORS
from runtime.log_interfaces import Publisher
from scraper.metrics import Metrics
from scraper.parsing import Reading
from scraper.places import Places
from scraper.sensors import Changes, KnownSensors, degrees, followed

log = structlog.get_logger()


class SensorMemory(Protocol):
    """Where what is known of the sensors is kept; raises UnavailableError where it is away."""

    def sensors(self) -> KnownSensors:
        """What is known of every sensor."""
        ...

    def remember_sensors(self, known: KnownSensors) -> None:
        """Remember it."""
        ...


class SensorEvents:
    """Follows the sensors of one feed. Killed in between, it tells the same again, which changes nothing."""

    def __init__(self, memory: SensorMemory, publisher: Publisher, places: Places, metrics: Metrics) -> None:
        self._memory, self._publisher, self._places, self._metrics = memory, publisher, places, metrics
        # Told, but not taken by Redis: without it, all of it would be told again.
        self._unremembered: KnownSensors | None = None
        self._is_away = False

    def follow(self, readings: Iterable[Reading], *, now_s: float) -> None:
        """Tell what changed with these readings, which came at `now_s` (Unix time), and remember it.

        Without Redis nothing is told: the readings that come once it is back tell it.
        Raises UnavailableError where Kafka did not take it; then nothing is remembered.
        """
        known = self._known()
        if known is None:
            return
        after, changes = followed(known, readings, now_s=now_s)
        if changes:
            self._publish(after, changes)
        self._unremembered = after
        self._remember()
        self._count(after, changes)

    def _known(self) -> KnownSensors | None:
        """What Redis knows; None while it is away, or has yet to take what was told last."""
        if self._unremembered is not None and not self._remember():
            return None
        try:
            return self._memory.sensors()
        except UnavailableError as error:
            self._say_away(error)
            return None

    def _remember(self) -> bool:
        """Remember what was told; whether Redis took it."""
        if self._unremembered is not None:
            try:
                self._memory.remember_sensors(self._unremembered)
            except UnavailableError as error:
                self._say_away(error)
                return False
        self._unremembered, self._is_away = None, False
        return True

    def _say_away(self, error: UnavailableError) -> None:
        if not self._is_away:
            log.warning("sensors_not_followed", until="Redis is back", error=str(error))
        self._is_away = True

    def _publish(self, known: KnownSensors, changes: Changes) -> None:
        place_by_id = self._place_by_id(known, changes)
        for sensor_id in changes:
            sensor = _described(sensor_id, known, changes, place_by_id.get(sensor_id))
            self._publisher.publish(
                SENSORS.name,
                SENSORS.encode(sensor),
                key=str(sensor_id),
                timestamp_ms=sensor.observed_at_s * 1000,
            )
        self._publisher.flush()

    def _place_by_id(self, known: KnownSensors, sensor_ids: Iterable[int]) -> dict[int, DetailedPlace]:
        positions = {n: degrees(position) for n in sensor_ids if (position := known.by_id[n].position)}
        return dict(zip(positions, self._places.detailed(positions.values()), strict=True))

    def _count(self, known: KnownSensors, changes: Changes) -> None:
        silent = sum(sensor.is_silent for sensor in known.by_id.values())
        self._metrics.sensors.labels("silent").set(silent)
        self._metrics.sensors.labels("sending").set(len(known.by_id) - silent)
        counts = Counter(change.value for happened in changes.values() for change in happened)
        for change, count in counts.items():
            self._metrics.sensor_changes.labels(change).inc(count)
        if counts:
            log.info("sensors_changed", **counts)


def _described(sensor_id: int, known: KnownSensors, changes: Changes, place: DetailedPlace | None) -> Sensor:
    sensor = known.by_id[sensor_id]
    latitude, longitude = (None, None) if sensor.position is None else degrees(sensor.position)
    return Sensor(
        sensor_id=sensor_id,
        changes=changes[sensor_id],
        observed_at_s=sensor.observed_at_s,
        sensor_type=sensor.sensor_type or None,
        lat=latitude,
        lon=longitude,
        indoor=int(sensor.is_indoor),
        place=place,
    )

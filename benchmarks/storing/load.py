"""The values to measure on: of the whole network's size, of five measures, as `flink_jobs` writes them."""

import random
import time
from collections.abc import Iterator

from contracts.measure_values import MeasureValue
from contracts.measures import MEASURE_BY_NAME
from contracts.points import STORED_BY_TOPIC
from contracts.topics import MEASURE_TOPICS
from runtime.kafka_publisher import KafkaPublisher

MEASURES = ("pm10", "pm25", "temperature", "humidity", "pressure")
FIELD_BY_TOPIC = {MEASURE_TOPICS[name].name: MEASURE_BY_NAME[name].field for name in MEASURES}
SENSORS = 15_000
CITIES = 400
READING_EVERY_S = 150


def fill(bootstrap_servers: str, count: int) -> None:
    """Write so many values to the topics of their measures."""
    publisher = KafkaPublisher(bootstrap_servers, client_id="benchmark")
    for topic, value in values(count):
        publisher.publish(
            topic,
            STORED_BY_TOPIC[topic].topic.encode(value),
            key=str(value.sensor_id),
            timestamp_ms=value.observed_at_s * 1000,
        )
    publisher.flush()
    publisher.close()


def values(count: int) -> Iterator[tuple[str, MeasureValue]]:
    """Values and their topics, reading after reading; the newest an hour old."""
    chance, topics = random.Random(6), list(FIELD_BY_TOPIC)  # noqa: S311 - the same each run
    steps = count // len(topics) // SENSORS + 1
    begins_at_s = int(time.time()) - 3600 - steps * READING_EVERY_S
    for number in range(count):
        reading, measure = divmod(number, len(topics))
        step, sensor = divmod(reading, SENSORS)
        yield (
            topics[measure],
            MeasureValue(
                sensor_id=sensor,
                observed_at_s=begins_at_s + step * READING_EVERY_S + sensor % READING_EVERY_S,
                value=round(chance.uniform(0, 100), 2),
                sensor_type="SDS011",
                country="GB",
                city=f"City of {sensor % CITIES}",
                lat=round(50 + sensor / 10_000, 4),
                lon=round(-2 + sensor / 20_000, 5),
                indoor=0,
            ),
        )

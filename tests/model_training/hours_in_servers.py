"""The same hours in a store and in a log, as the pipeline leaves them there."""

from contracts.aggregates import Aggregate
from contracts.points import window_lines
from contracts.stored import AIR_WINDOWS, HOURLY, ORG
from contracts.topics import AGGREGATE_TOPICS
from local_stack.provisioning import create_topics
from runtime.influx_store import InfluxPointStore
from runtime.kafka_publisher import KafkaPublisher

BATCH = 5_000
HOURS = AGGREGATE_TOPICS["1h"]


def aggregates(rows):
    """HourlyRows as messages."""
    names = ("measure", "sensor_id", "starts_at_s", "mean", "count", "lat", "lon")
    for values in zip(*(getattr(rows, name).tolist() for name in names), strict=True):
        members = dict(zip(names, values, strict=True))
        yield Aggregate(
            **members, flagged=0, low=members["mean"], high=members["mean"], sensor_type="SDS011",
            country="GB", city="Aberdeen",
        )  # fmt: skip


def store_hours(influx, rows):
    """Write rows into the bucket of hours, as the collector does."""
    writer = InfluxPointStore(url=influx.url, org=ORG, bucket=HOURLY.name, token=influx.write_token)
    lines = [text for row in aggregates(rows) for _, text in window_lines(AIR_WINDOWS["1h"])(row)]
    for first in range(0, len(lines), BATCH):
        writer.write(lines[first : first + BATCH])
    writer.close()


def publish_hours(kafka, messages):
    """Publish messages on the topic of hours, in their order."""
    create_topics(kafka.bootstrap_servers, (HOURS,), lambda _line: None)
    publisher = KafkaPublisher(kafka.bootstrap_servers, client_id="hours")
    for hour in messages:
        body, key = HOURS.encode(hour), str(hour.sensor_id)
        publisher.publish(HOURS.name, body, key=key, timestamp_ms=hour.starts_at_s * 1000)
    publisher.flush()
    publisher.close()

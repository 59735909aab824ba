"""A plain consumer in Python: msgspec, a dictionary of ids, and Kafka's transactions.

`python -m benchmarks.stream.peers.plain_python BROKERS GROUP`: until it is killed.
"""

import sys
import time

import kafka
import msgspec
from kafka.structs import OffsetAndMetadata, TopicPartition

from contracts.flags import Flag
from contracts.measure_values import MeasureValue
from contracts.measures import HOUSEKEEPING, MEASURES
from contracts.topics import MEASURE_TOPICS, READINGS_RAW

ID_TTL_S = 7200
TRANSACTION_S = 5.0
MEASURE_BY_VALUE_TYPE = {upstream: measure for measure in MEASURES for upstream in measure.upstream}


class _SensorType(msgspec.Struct):
    name: str | None = None


class _Sensor(msgspec.Struct):
    id: int
    sensor_type: _SensorType


class _Location(msgspec.Struct):
    latitude: str | None = None
    longitude: str | None = None
    indoor: int | None = None


class _Place(msgspec.Struct):
    country: str | None = None
    city: str | None = None


class _Value(msgspec.Struct):
    value: str | float | None
    value_type: str


class _Reading(msgspec.Struct):
    id: int
    sensor: _Sensor
    location: _Location
    sensordatavalues: list[_Value]
    place: _Place | None = None


def main() -> None:
    """Read, split, write, commit, for ever."""
    brokers, group = sys.argv[1:]
    consumer = kafka.KafkaConsumer(
        READINGS_RAW.name, bootstrap_servers=brokers, group_id=group, enable_auto_commit=False,
        auto_offset_reset="earliest", max_poll_records=2_000,
    )  # fmt: skip
    producer = kafka.KafkaProducer(
        bootstrap_servers=brokers, transactional_id=group, compression_type="lz4", linger_ms=50,
        batch_size=256 * 1024,
    )  # fmt: skip
    producer.init_transactions()
    seen: dict[int, float] = {}
    decode = msgspec.json.Decoder(_Reading).decode
    while True:
        producer.begin_transaction()
        ends_at_s = time.monotonic() + TRANSACTION_S
        offsets: dict[TopicPartition, OffsetAndMetadata] = {}
        while time.monotonic() < ends_at_s:
            for partition, records in consumer.poll(timeout_ms=500).items():
                for record in records:
                    _split(decode(record.value), record.timestamp, record.key, seen, producer)
                offsets[partition] = OffsetAndMetadata(records[-1].offset + 1, "", -1)
        if offsets:
            producer.send_offsets_to_transaction(offsets, consumer.group_metadata())
        producer.commit_transaction()


def _split(
    reading: _Reading, timestamp_ms: int, key: bytes, seen: dict[int, float], producer: kafka.KafkaProducer
) -> None:
    now_s = time.monotonic()
    if seen.get(reading.id, -ID_TTL_S) > now_s - ID_TTL_S:
        return
    seen[reading.id] = now_s
    place, location = reading.place or _Place(), reading.location
    for entry in reading.sensordatavalues:
        measure = MEASURE_BY_VALUE_TYPE.get(entry.value_type)
        if measure is None or entry.value_type in HOUSEKEEPING:
            continue
        value = float(entry.value or "nan") * measure.scale
        topic = MEASURE_TOPICS[measure.name]
        message = MeasureValue(
            sensor_id=reading.sensor.id,
            observed_at_s=timestamp_ms // 1000,
            value=value,
            flags=0 if measure.low <= value <= measure.high else Flag.OUT_OF_RANGE.value,
            sensor_type=reading.sensor.sensor_type.name,
            country=place.country,
            city=place.city,
            lat=float(location.latitude or "nan"),
            lon=float(location.longitude or "nan"),
            indoor=location.indoor,
        )
        producer.send(topic.name, topic.encode(message), key=key, timestamp_ms=timestamp_ms)


if __name__ == "__main__":
    main()

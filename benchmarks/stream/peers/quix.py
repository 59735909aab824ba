"""The split with Quix Streams, exactly once: its state for the ids, its choice of a topic for each row.

`python -m benchmarks.stream.peers.quix BROKERS GROUP STATE_FOLDER`: until it is killed.
In a virtual environment of its own: its pins are not ours. Its state has no age, so ids are kept for ever.
"""

import sys
from collections.abc import Iterator
from typing import Any

from quixstreams import Application

from contracts.measures import MEASURES
from contracts.topics import MEASURE_TOPICS, READINGS_RAW

MEASURE_BY_VALUE_TYPE = {upstream: each for each in MEASURES for upstream in each.upstream}


def main() -> None:
    """Run until killed."""
    brokers, group, state = sys.argv[1:]
    application = Application(
        broker_address=brokers,
        consumer_group=group,
        auto_offset_reset="earliest",
        commit_interval=5.0,
        processing_guarantee="exactly-once",
        state_dir=state,
        producer_extra_config={"compression.type": "lz4", "linger.ms": 50},
        loglevel="WARNING",
    )
    topics = {
        name: application.topic(topic.name, key_serializer="bytes", value_serializer="json")
        for name, topic in MEASURE_TOPICS.items()
    }
    readings = application.topic(READINGS_RAW.name, key_deserializer="bytes", value_deserializer="json")
    rows = application.dataframe(readings)
    rows = rows.filter(is_fresh, stateful=True)
    rows = rows.apply(values_of, expand=True, metadata=True)
    rows.to_topic(lambda row, _key, _timestamp, _headers: topics[row["measure"]])
    application.run()


def is_fresh(reading: dict[str, Any], state: Any) -> bool:
    """Whether its id comes for the first time."""
    key = str(reading["id"])
    if state.exists(key):
        return False
    state.set(key, 1)
    return True


def values_of(
    reading: dict[str, Any], _key: bytes, timestamp_ms: int, _headers: Any
) -> Iterator[dict[str, Any]]:
    """A row for each value of a known measure."""
    place, location, sensor = reading.get("place") or {}, reading["location"], reading["sensor"]
    for entry in reading["sensordatavalues"]:
        measure = MEASURE_BY_VALUE_TYPE.get(entry["value_type"])
        if measure is None:
            continue
        value = float(entry["value"]) * measure.scale
        yield {
            "measure": measure.name,
            "sensor_id": sensor["id"],
            "observed_at_s": timestamp_ms // 1000,
            "value": value,
            "flags": int(not measure.low <= value <= measure.high),
            "sensor_type": sensor["sensor_type"]["name"],
            "country": place.get("country"),
            "city": place.get("city"),
            "lat": float(location["latitude"]),
            "lon": float(location["longitude"]),
            "indoor": location.get("indoor"),
        }


if __name__ == "__main__":
    main()

"""The client's own batching: json and a Point each, 5,000 of them or a second in one request."""

import json

import kafka
from influxdb_client import InfluxDBClient, WriteOptions, WritePrecision

from benchmarks.storing.load import FIELD_BY_TOPIC
from benchmarks.storing.peers.arguments import arguments, point_of


def main() -> None:
    """Store until killed."""
    told = arguments()
    consumer = kafka.KafkaConsumer(
        *FIELD_BY_TOPIC,
        bootstrap_servers=told.bootstrap_servers,
        group_id="batching",
        auto_offset_reset="earliest",
    )
    client = InfluxDBClient(url=told.influx_url, token=told.token, org=told.org)
    writer = client.write_api(write_options=WriteOptions(batch_size=5_000, flush_interval=1_000))
    for record in consumer:
        point = point_of(record.topic, json.loads(record.value))
        writer.write("live", record=point, write_precision=WritePrecision.S)


if __name__ == "__main__":
    main()

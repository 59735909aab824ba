"""What one writes first: json, a Point, and one write each."""

import json

import kafka
from influxdb_client import InfluxDBClient, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS

from benchmarks.storing.load import FIELD_BY_TOPIC
from benchmarks.storing.peers.arguments import arguments, point_of


def main() -> None:
    """Store until killed."""
    told = arguments()
    consumer = kafka.KafkaConsumer(
        *FIELD_BY_TOPIC,
        bootstrap_servers=told.bootstrap_servers,
        group_id="obvious",
        auto_offset_reset="earliest",
    )
    client = InfluxDBClient(url=told.influx_url, token=told.token, org=told.org)
    writer = client.write_api(write_options=SYNCHRONOUS)
    for record in consumer:
        point = point_of(record.topic, json.loads(record.value))
        writer.write("live", record=point, write_precision=WritePrecision.S)


if __name__ == "__main__":
    main()

"""Quix Streams with its own sink, in a virtual environment of its own: its pins are not ours.

It imports nothing of ours but the names of topics and fields, which come on the command line.
"""

import sys

from quixstreams import Application
from quixstreams.sinks.core.influxdb3 import InfluxDB3Sink

TAGS = ("sensor_id", "sensor_type", "country", "city")


def main() -> None:
    """Store until killed: FIELD_BY_TOPIC as `topic=field` behind the addresses."""
    bootstrap_servers, influx_url, org, token, _values, *fields = sys.argv[1:]
    application = Application(
        broker_address=bootstrap_servers,
        consumer_group="quix",
        auto_offset_reset="earliest",
        commit_interval=1.0,
        loglevel="WARNING",
    )
    for topic, _, field in (each.partition("=") for each in fields):
        flags = f"{field.partition('_')[0]}_flags"
        sink = InfluxDB3Sink(
            token=token,
            host=influx_url,
            organization_id=org,
            database="live",
            measurement="air",
            fields_keys=[field, flags, "lat", "lon", "indoor"],
            tags_keys=TAGS,
            time_setter="observed_at_s",
            time_precision="s",
            batch_size=5_000,
        )
        rows = application.dataframe(application.topic(topic, value_deserializer="json"))
        rows = rows.apply(lambda row, names=(field, flags): renamed(row, *names))
        rows.sink(sink)
    application.run()


def renamed(row: dict, field: str, flags: str) -> dict:
    """The row with the names of its fields; what has its default is not in the message."""
    row[field] = float(row.pop("value"))
    row[flags] = row.pop("flags", 0)
    return row


if __name__ == "__main__":
    main()

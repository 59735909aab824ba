"""What one writes first: json, and for each record one look-up, one geocode, one produce.

`python -m benchmarks.straightforward FEED_URL KAFKA REDIS_URL`: one poll of the feed into `readings-raw-v1`.
"""

import json
import sys

import kafka
import redis
import requests
import reverse_geocode

from contracts.topics import READINGS_RAW

REMEMBERED_S = 900


def main(feed_url: str, bootstrap_servers: str, redis_url: str) -> None:
    """Publish every record that is new."""
    client = redis.Redis.from_url(redis_url)
    producer = kafka.KafkaProducer(bootstrap_servers=bootstrap_servers)
    for record in requests.get(feed_url, timeout=60).json():
        if client.set(f"seen:{record['id']}", 1, nx=True, ex=REMEMBERED_S):
            location = record["location"]
            position = (float(location["latitude"]), float(location["longitude"]))
            record["place"] = reverse_geocode.get(position)
            key = str(record["sensor"]["id"]).encode()
            producer.send(READINGS_RAW.name, json.dumps(record).encode(), key=key)
    producer.flush()
    producer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

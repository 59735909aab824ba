"""InfluxDB's own ceiling: the lines of the collector, built before, 5,000 at a time on one connection."""

import gzip
import signal

import requests

from benchmarks.storing.load import values
from benchmarks.storing.peers.arguments import arguments
from contracts.points import STORED_BY_TOPIC, Placed

REQUEST_LINES = 5_000
TIMEOUT_S = 30


def main() -> None:
    """Send all of it."""
    told = arguments()
    placed = Placed()
    texts = [
        text
        for topic, value in values(int(told.values))
        for _, text in STORED_BY_TOPIC[topic].lines(value, placed)
    ]
    bodies = [
        gzip.compress("\n".join(texts[start : start + REQUEST_LINES]).encode(), compresslevel=1)
        for start in range(0, len(texts), REQUEST_LINES)
    ]
    with requests.Session() as session:
        session.headers.update({"Authorization": f"Token {told.token}", "Content-Encoding": "gzip"})
        for body in bodies:
            answer = session.post(
                f"{told.influx_url}/api/v2/write",
                params={"org": told.org, "bucket": "live", "precision": "s"},
                data=body,
                timeout=TIMEOUT_S,
            )
            answer.raise_for_status()
    signal.pause()  # whoever measures ends it


if __name__ == "__main__":
    main()

"""How old a value is when it can be queried, from its fetch on: the whole stack at live cadence.

`python -m benchmarks.value_age [MINUTES] [RECORDS]`: 3 minutes of each guarantee, a poll a minute, on a feed
as large as the whole network's, 48000 records; 0 is the recorded city alone. Of the network one sensor in a
hundred is looked at. A fetch is dated to the second and the store is asked four times a second, so an age is
up to 1.2 s too high.
"""

import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from contracts.measures import MEASURES
from contracts.stored import AIR, LIVE_BUCKET
from contracts.topics import READINGS_RAW
from local_stack import stack
from local_stack.ports import free_ports
from local_stack.settings import Settings
from luftstrom.connections import connections
from runtime.influx_reader import InfluxReader
from runtime.kafka_reader import KafkaLogReader

MINUTES, RECORDS = 3, 48_000
POLL_INTERVAL_S = 60.0
ASKED_EVERY_S = 0.25
# The first poll finds a whole window, five times as many readings as one at live cadence.
SETTLING_S = 45.0
# Readings are up to one window old when they are fetched.
WINDOW_S = 300
PORTS = [name for name in Settings.model_fields if name.endswith("_port")]
FIELDS = [measure.field for measure in MEASURES]
AT_MOST_S_BY_GUARANTEE = {"exactly once": 15.0, "at least once": 5.0}

Value = tuple[int, int, str]  # sensor, Unix second of the observation, field


def main(minutes: int, records: int) -> None:
    """Print median, 95th percentile and the oldest, for each guarantee."""
    head = ("values", "polls", "median s", "p95 s", "at most", "oldest s")
    print(f"{'guarantee':<16}" + "".join(f"{each:>10}" for each in head))
    for guarantee, at_most_s in AT_MOST_S_BY_GUARANTEE.items():
        with tempfile.TemporaryDirectory() as folder:
            ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
            settings = Settings(
                data_dir=Path(folder) / "data", source="recording", poll_interval_s=POLL_INTERVAL_S,
                recording_network_records=records, exactly_once=guarantee == "exactly once", **ports,
            )  # fmt: skip
            ages_s, polls = _measured(settings, seconds=minutes * 60.0, is_sample=records > 0)
        p95_s = ages_s[int(len(ages_s) * 0.95)]
        print(
            f"{guarantee:<16}{len(ages_s):>10,}{polls:>10}{statistics.median(ages_s):>10.1f}{p95_s:>10.1f}"
            f"{at_most_s:>10.0f}{ages_s[-1]:>10.1f}",
            flush=True,
        )


def _measured(settings: Settings, *, seconds: float, is_sample: bool) -> tuple[list[float], int]:
    """The ages of all values that were fetched and seen in the time, in order; and of how many polls."""
    stack.up(settings, lambda _line: None)
    try:
        time.sleep(SETTLING_S)
        begins_at_s = time.time()
        with connections(settings) as connected:
            seen_at_s = _seen(connected.influx, begins_at_s, seconds, is_sample=is_sample)
        fetched_at_s = _fetched(settings.kafka_address)
    finally:
        stack.down(settings)
    fetched = {value: fetched_at_s[value[:2]] for value in seen_at_s}
    counted = {value: at_s for value, at_s in fetched.items() if at_s >= begins_at_s}
    return sorted(seen_at_s[value] - at_s for value, at_s in counted.items()), len(set(counted.values()))


def _seen(reader: InfluxReader, begins_at_s: float, seconds: float, *, is_sample: bool) -> dict[Value, float]:
    """When each value was first there to be queried."""
    sample = " AND sensor_id =~ /77$/" if is_sample else ""
    query = (
        f"SELECT {', '.join(FIELDS)} FROM {AIR} "  # noqa: S608 - our own names
        f"WHERE time > {int(begins_at_s) - WINDOW_S}s{sample} GROUP BY sensor_id"
    )
    seen_at_s: dict[Value, float] = {}
    while time.time() < begins_at_s + seconds:
        rows, now_s = reader.query(LIVE_BUCKET, query), time.time()
        for row in rows:
            for field in FIELDS:
                if row[field] is not None:
                    seen_at_s.setdefault((int(row["sensor_id"]), row["time"], field), now_s)
        time.sleep(ASKED_EVERY_S)
    return seen_at_s


def _fetched(brokers: str) -> dict[tuple[int, int], float]:
    """When each reading was fetched, by sensor and Unix second of its observation."""
    fetched: dict[tuple[int, int], float] = {}
    for _, record in KafkaLogReader(brokers).records(READINGS_RAW.name):
        at = datetime.fromisoformat(READINGS_RAW.decode(record.value or b"").fetched_at)
        fetched[int(record.key or b""), record.timestamp_ms // 1000] = at.timestamp()
    return fetched


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(*(given + [MINUTES, RECORDS][len(given) :]))

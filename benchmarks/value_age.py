"""How old a value is when it can be queried, from its fetch on: the whole stack with live cadence.

`python -m benchmarks.value_age [minutes] [records]`: 4 minutes of each guarantee on a recorded city. With
48000 records it is a network as large as the whole one, where one sensor in a hundred is looked at.
A fetch is dated to the second and the store is asked four times a second: ages are up to a second too high.
"""

import os
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

MINUTES = 4
POLL_INTERVAL_S = 60.0
ASKED_EVERY_S = 0.25
SETTLING_S = 30.0
PORTS = [name for name in Settings.model_fields if name.endswith("_port")]
FIELDS = {measure.field for measure in MEASURES}

Value = tuple[int, int, str]  # sensor, Unix second of the observation, field


def main(minutes: int, records: int) -> None:
    """Print median, 95th percentile and the oldest, for each guarantee."""
    print(f"{'guarantee':<16}{'values':>8}{'median s':>10}{'p95 s':>8}{'oldest s':>10}")
    for guarantee, exactly_once in (("exactly once", "true"), ("at least once", "false")):
        os.environ["FLINK_JOBS_EXACTLY_ONCE"] = exactly_once
        with tempfile.TemporaryDirectory() as folder:
            ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
            settings = Settings(
                data_dir=Path(folder) / "data", source="recording", poll_interval_s=POLL_INTERVAL_S,
                recording_network_records=records, **ports,
            )  # fmt: skip
            stack.up(settings, lambda _line: None)
            try:
                time.sleep(SETTLING_S)
                ages_s = sorted(_ages(settings, seconds=minutes * 60.0, is_sample=records > 0))
            finally:
                stack.down(settings)
        p95_s = ages_s[int(len(ages_s) * 0.95)]
        print(
            f"{guarantee:<16}{len(ages_s):>8,}{statistics.median(ages_s):>10.1f}{p95_s:>8.1f}{ages_s[-1]:>10.1f}",
            flush=True,
        )


def _ages(settings: Settings, *, seconds: float, is_sample: bool) -> list[float]:
    """The ages of all values that were fetched and seen in the time."""
    begins_at_s = time.time()
    with connections(settings) as connected:
        seen_at_s = _seen(connected.influx, begins_at_s, seconds, is_sample=is_sample)
    fetched_at_s = _fetched(settings.kafka_address)
    return [
        at_s - fetched
        for (sensor, observed_at_s, _), at_s in seen_at_s.items()
        if (fetched := fetched_at_s[sensor, observed_at_s]) >= begins_at_s
    ]


def _seen(reader: InfluxReader, begins_at_s: float, seconds: float, *, is_sample: bool) -> dict[Value, float]:
    """When each value was first there to be queried."""
    sample = " AND sensor_id =~ /77$/" if is_sample else ""
    query = f"SELECT * FROM {AIR} WHERE time > {int(begins_at_s) - 600}s{sample}"  # noqa: S608 - ours
    seen_at_s: dict[Value, float] = {}
    while time.time() < begins_at_s + seconds:
        rows, now_s = reader.query(LIVE_BUCKET, query), time.time()
        for row in rows:
            for field in FIELDS & {name for name, value in row.items() if value is not None}:
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
    main(*(given + [MINUTES, 0][len(given) :]))

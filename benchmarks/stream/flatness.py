"""What a reading costs as a job reads more and more of them: each time as many as it has read before.

`python -m benchmarks.stream.flatness [job] [readings]`: `split` and 1,600,000 by default. Ten million
(12,800,000 is the next double of 100,000) take 7 GB of disk and the better part of an hour on two cores.
"""

import itertools
import sys

from benchmarks.stream.__main__ import ours
from benchmarks.stream.floor import floor_us
from benchmarks.stream.load import broker_with_topics, fill, messages
from benchmarks.stream.measuring import cpu_us_between, running
from flink_jobs.job import Job
from local_stack.install import install

READINGS = 1_600_000
FIRST = 100_000
FLOOR_READINGS = 100_000


def main(job: Job, readings: int) -> None:
    """Let the job read a log that doubles again and again, print a line for each time."""
    installed = install(lambda _line: None)
    given = messages(readings)
    with broker_with_topics() as (folder, brokers):
        fill(brokers, itertools.islice(given, FIRST))
        with running(ours(job, installed, brokers, folder, guard=True), brokers, folder / "log") as at_work:
            last = at_work.read_all()
            while last.readings < readings:
                first = last
                fill(brokers, itertools.islice(given, first.readings))
                last = at_work.read_all()
                print(
                    f"from {first.readings:>10,} to {last.readings:>10,} readings"
                    f"{cpu_us_between(first, last):>8.1f} µs of CPU each, {at_work.peak_mib:.0f} MiB",
                    flush=True,
                )
    print(f"{job}: floor {floor_us(FLOOR_READINGS):.2f} µs")


if __name__ == "__main__":
    main(
        Job(sys.argv[1]) if len(sys.argv) > 1 else Job.SPLIT,
        int(sys.argv[2]) if len(sys.argv) > 2 else READINGS,
    )

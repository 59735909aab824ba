"""What a reading costs as a job reads more and more of them: each time as many as it has read before.

`python -m benchmarks.stream.flatness [job] [readings]`: `split` and 1,600,000 by default. Ten million
(12,800,000 is the next double of 100,000) take 7 GB of disk and a quarter of an hour on two
cores, with FLINK_JOBS_STATE_BACKEND=rocksdb, for so many ids do not fit the heap.
"""

import argparse
import itertools

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
                cpu_us, floor = cpu_us_between(first, last), floor_us(FLOOR_READINGS)
                print(
                    f"from {first.readings:>10,} to {last.readings:>10,} readings{cpu_us:>8.1f} µs of CPU, "
                    f"{cpu_us / floor:>4.0f} floors of {floor:.2f} µs, {at_work.peak_mib:.0f} MiB",
                    flush=True,
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stream.flatness",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("job", nargs="?", type=Job, choices=list(Job), default=Job.SPLIT, help="which job")
    parser.add_argument("readings", nargs="?", type=int, default=READINGS, help="how many at the end")
    given = parser.parse_args()
    main(given.job, given.readings)

"""What a reading costs as a job reads more and more of them: by ten-folds of what it has read.

`python -m benchmarks.stream.flatness [job] [readings]`: `split` and a million by default; ten million take
5 GB of disk and an hour on two cores.
"""

import sys

from benchmarks.stream.__main__ import ours
from benchmarks.stream.floor import floor_us
from benchmarks.stream.load import broker_with_topics, fill
from benchmarks.stream.measuring import Sample, cpu_us_between, progress_of
from flink_jobs.job import Job
from local_stack.install import install

READINGS = 1_000_000
FLOOR_READINGS = 100_000
LIMIT_S = 7200.0
# Each cost is of the readings between so many and as many again.
FROM = (100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000)


def main(job: Job, readings: int) -> None:
    """Fill a broker, let the job read all of it, print a line for each part."""
    installed = install(lambda _line: None)
    with broker_with_topics() as (folder, brokers):
        fill(brokers, readings)
        contender = ours(job, brokers, folder, installed, guard=True)
        log = folder / "log"
        samples, peak_mib = progress_of(contender, brokers, log, measured_s_max=LIMIT_S)
    print(f"{job}: {readings:,} readings, floor {floor_us(FLOOR_READINGS):.1f} µs, {peak_mib:.0f} MiB")
    for first in FROM:
        if first * 2 <= readings:
            print(
                f"from {first:>10,} to {first * 2:>10,} readings{_cost(samples, first):>8.1f} µs of CPU each"
            )


def _cost(samples: list[Sample], first: int) -> float:
    start, end = (next(s for s in samples if s.readings >= n) for n in (first, first * 2))
    return cpu_us_between(start, end)


if __name__ == "__main__":
    main(
        Job(sys.argv[1]) if len(sys.argv) > 1 else Job.SPLIT,
        int(sys.argv[2]) if len(sys.argv) > 2 else READINGS,
    )

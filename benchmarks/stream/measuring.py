"""Runs one way of splitting readings over a log that grows; says what each cost it in steady state."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from benchmarks.processes import ROOT, cpu_s, end, family, pss_mib, tail
from contracts.topics import READINGS_RAW, Topic

EVERY_S = 0.2
START_LIMIT_S = 300.0
STILL_S_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Contender:
    """A process that reads `readings-raw-v1` from its beginning and commits what it has read as `groups`."""

    name: str
    command: list[str]
    groups: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """How far a contender was at a moment, all its groups, and what it had taken until then."""

    readings: int
    at_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a reading took, start-up left out; `peak_mib` is the memory (PSS) of all its processes."""

    cpu_us: float
    readings_s: float
    peak_mib: float


class Running:
    """A contender at work."""

    def __init__(
        self, contender: Contender, process: "subprocess.Popen[bytes]", admin: KafkaAdminClient, log: Path
    ) -> None:
        self._contender, self._process, self._admin, self._log = contender, process, admin, log
        self.peak_mib = 0.0

    def read_all(self, on_sample: Callable[[Sample], None] = lambda _sample: None) -> Sample:
        """Wait until it has committed all that is in the log.

        Raises RuntimeError with its log where it ends or stands still before.
        """
        total = _ends(self._admin, READINGS_RAW)
        before, moved_at_s = -1, time.monotonic() + START_LIMIT_S - STILL_S_MAX
        while True:
            sample = self._sample()
            on_sample(sample)
            if sample.readings >= total:
                return sample
            if sample.readings > max(before, 0):
                moved_at_s = max(moved_at_s, sample.at_s) if before < 0 else sample.at_s
            before = sample.readings
            if self._process.poll() is not None or time.monotonic() - moved_at_s > STILL_S_MAX:
                raise RuntimeError(f"{self._contender.name} ended or stood still: {tail(self._log)}")
            time.sleep(EVERY_S)

    def _sample(self) -> Sample:
        members = family(self._process)
        readings = min(_committed(self._admin, group) for group in self._contender.groups)
        self.peak_mib = max(self.peak_mib, pss_mib(members))
        return Sample(readings, time.monotonic(), cpu_s(members))


@contextmanager
def running(contender: Contender, bootstrap_servers: str, log: Path) -> Iterator[Running]:
    """The contender, until the end of the context."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            contender.command, cwd=ROOT, env={**os.environ, **contender.environment},
            stdout=output, stderr=output,
        )  # fmt: skip
    try:
        with closing(KafkaAdminClient(bootstrap_servers=bootstrap_servers)) as admin:
            yield Running(contender, process, admin, log)
    finally:
        end(process)


def cost_of(at_work: Running, *, fill_more: Callable[[], object]) -> Cost:
    """Let it read what is there, which pays for start and compilation, then measure it on more of the same.

    All its groups are at the end of the log at both moments, so nothing that one of them did ahead is lost.
    """
    warm = at_work.read_all()
    fill_more()
    last = at_work.read_all()
    return Cost(
        cpu_us=cpu_us_between(warm, last),
        readings_s=(last.readings - warm.readings) / (last.at_s - warm.at_s),
        peak_mib=at_work.peak_mib,
    )


def cpu_us_between(first: Sample, last: Sample) -> float:
    """CPU-microseconds a reading from one moment to another."""
    return (last.cpu_s - first.cpu_s) / (last.readings - first.readings) * 1e6


def _ends(admin: KafkaAdminClient, topic: Topic[Any]) -> int:
    partitions = [TopicPartition(topic.name, n) for n in range(topic.partitions)]
    ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    return sum(int(end.offset) for end in ends.values())


def _committed(admin: KafkaAdminClient, group: str) -> int:
    try:
        offsets = admin.list_group_offsets(group)[group]
    except KafkaError:
        return 0
    return sum(
        each.offset for part, each in offsets.items() if part.topic == READINGS_RAW.name and each.offset > 0
    )

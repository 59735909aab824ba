"""Runs one way of splitting readings until it has read them all; says what each cost it in steady state."""

import os
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from benchmarks.processes import ROOT, cpu_s, end, family, pss_mib, tail
from contracts.topics import MEASURE_TOPICS, READINGS_RAW, Topic

EVERY_S = 0.1
START_LIMIT_S = 300.0
STILL_S_MAX = 60.0
# What is slow is not waited for.
MEASURED_S_MAX = 150.0
# The first readings pay for the start and for what Java compiles meanwhile.
WARM_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Contender:
    """A process that reads `readings-raw-v1` from its beginning and commits what it has read as `group`."""

    name: str
    command: list[str]
    group: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """How far a contender was at a moment, and what it had taken until then."""

    readings: int
    at_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a reading took, start-up left out; `peak_mib` is the memory (PSS) of all its processes.

    `values` are those that came of each reading, the marks of transactions among them.
    """

    cpu_us: float
    readings_s: float
    peak_mib: float
    readings: int
    values: float


def cost_of(contender: Contender, bootstrap_servers: str, log: Path) -> Cost:
    """Run it to the end of the log, or for a while, and stop it.

    Raises RuntimeError with its log where it ends before.
    """
    before = written_values(bootstrap_servers)
    samples, peak_mib = progress_of(contender, bootstrap_servers, log, measured_s_max=MEASURED_S_MAX)
    last = samples[-1]
    warm = next(sample for sample in samples if sample.readings >= last.readings * WARM_SHARE)
    if warm is last:
        raise RuntimeError("too few readings for what it commits at once: give it more")
    return Cost(
        cpu_us=cpu_us_between(warm, last),
        readings_s=(last.readings - warm.readings) / (last.at_s - warm.at_s),
        peak_mib=peak_mib,
        readings=last.readings,
        values=(written_values(bootstrap_servers) - before) / last.readings,
    )


def cpu_us_between(first: Sample, last: Sample) -> float:
    """CPU-microseconds a reading from one moment to another."""
    return (last.cpu_s - first.cpu_s) / (last.readings - first.readings) * 1e6


def progress_of(
    contender: Contender, bootstrap_servers: str, log: Path, *, measured_s_max: float
) -> tuple[list[Sample], float]:
    """Samples from its first commit to the end of the log, or for so long; and its largest memory in MiB."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            contender.command, cwd=ROOT, env={**os.environ, **contender.environment},
            stdout=output, stderr=output,
        )  # fmt: skip
    samples: list[Sample] = []
    peak_mib, moved_at_s = 0.0, time.monotonic() + START_LIMIT_S - STILL_S_MAX
    try:
        with closing(KafkaAdminClient(bootstrap_servers=bootstrap_servers)) as admin:
            total = _ends(admin, READINGS_RAW)
            while not samples or (
                samples[-1].readings < total and time.monotonic() - samples[0].at_s < measured_s_max
            ):
                if process.poll() is not None or time.monotonic() - moved_at_s > STILL_S_MAX:
                    raise RuntimeError(f"{contender.name} ended or stood still: {tail(log)}")
                time.sleep(EVERY_S)
                members = family(process)
                sample = Sample(_committed(admin, contender.group), time.monotonic(), cpu_s(members))
                if sample.readings > (samples[-1].readings if samples else 0):
                    samples.append(sample)
                    moved_at_s = sample.at_s
                    peak_mib = max(peak_mib, pss_mib(members))
    finally:
        end(process)
    return samples, peak_mib


def written_values(bootstrap_servers: str) -> int:
    """Where the topics of measures end, all together."""
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap_servers)) as admin:
        return _ends(admin, *MEASURE_TOPICS.values())


def _ends(admin: KafkaAdminClient, *topics: Topic[Any]) -> int:
    partitions = [TopicPartition(topic.name, n) for topic in topics for n in range(topic.partitions)]
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

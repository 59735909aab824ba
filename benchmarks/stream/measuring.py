"""Runs one way of splitting readings until it has read them all; says what each cost it in steady state."""

import os
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from benchmarks.processes import ROOT, cpu_s, end, family, pss_mib, tail
from contracts.topics import READINGS_RAW

EVERY_S = 0.1
LIMIT_S = 900.0
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
    """What a reading took, start-up left out; `peak_mib` is the memory (PSS) of all its processes."""

    cpu_us: float
    readings_s: float
    peak_mib: float
    start_cpu_s: float


def cost_of(contender: Contender, bootstrap_servers: str, log: Path) -> Cost:
    """Run it to the end of the log and stop it; raises RuntimeError with its log where it ends before."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            contender.command, cwd=ROOT, env={**os.environ, **contender.environment},
            stdout=output, stderr=output,
        )  # fmt: skip
    samples: list[Sample] = []
    peak = 0.0
    try:
        with closing(KafkaAdminClient(bootstrap_servers=bootstrap_servers)) as admin:
            total = _ends(admin)
            ends_at_s = time.monotonic() + LIMIT_S
            while not samples or samples[-1].readings < total:
                if process.poll() is not None or time.monotonic() > ends_at_s:
                    raise RuntimeError(f"{contender.name} ended or stood still: {tail(log)}")
                time.sleep(EVERY_S)
                members = family(process)
                sample = Sample(_committed(admin, contender.group), time.monotonic(), cpu_s(members))
                if not samples or sample.readings > samples[-1].readings:
                    samples.append(sample)
                    peak = max(peak, pss_mib(members))
    finally:
        end(process)
    return _cost(samples, total, peak)


def _cost(samples: list[Sample], total: int, peak_mib: float) -> Cost:
    last = samples[-1]
    warm = next(sample for sample in samples if sample.readings >= total * WARM_SHARE)
    if warm is last:
        raise RuntimeError("too few readings for what it commits at once: give it more")
    readings = last.readings - warm.readings
    cpu_us = (last.cpu_s - warm.cpu_s) / readings * 1e6
    return Cost(
        cpu_us=cpu_us,
        readings_s=readings / (last.at_s - warm.at_s),
        peak_mib=peak_mib,
        start_cpu_s=last.cpu_s - cpu_us * last.readings / 1e6,
    )


def _ends(admin: KafkaAdminClient) -> int:
    partitions = [TopicPartition(READINGS_RAW.name, n) for n in range(READINGS_RAW.partitions)]
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

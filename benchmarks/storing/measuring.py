"""Runs one way of storing on an InfluxDB of its own; says what a value cost it in steady state."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import requests

from benchmarks.processes import ROOT, cpu_s, end, family, pss_mib, tail
from benchmarks.storing.load import FIELD_BY_TOPIC
from contracts.stored import AIR, LIVE_BUCKET
from local_stack.single import InfluxServer, running_influxd
from runtime.influx_reader import InfluxReader

EVERY_S = 0.2
START_LIMIT_S = 60.0
# What is slow is measured for so long, and need not come to an end.
MEASURED_S_MAX = 25.0
# The first values of each sensor pay for its series, too.
WARM_SHARE = 0.4
_WRITTEN = re.compile(r"^storage_shard_write_count\{.*\} (?P<points>\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Contender:
    """A process that stores what lies in Kafka; its command and environment are made for one InfluxDB."""

    name: str
    command: Callable[[InfluxServer], list[str]]
    environment: Callable[[InfluxServer], Mapping[str, str]] = field(default=lambda _influx: {})


@dataclass(frozen=True, slots=True)
class Sample:
    """Values stored by a moment, and the CPU seconds until then of the process and of InfluxDB."""

    values: int
    at_s: float
    cpu_s: float
    influx_cpu_s: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a value took, start-up left out; `stored` is counted by InfluxDB, of what there was to store."""

    values_s: float
    cpu_us: float
    influx_cpu_us: float
    peak_mib: float
    stored: int
    is_whole: bool


def cost_of(contender: Contender, values: int, folder: Path) -> Cost:
    """Run it until all is stored, or for a while; raises RuntimeError with its log where it ends before."""
    folder.mkdir()
    with running_influxd(folder) as influx:
        log = folder / "contender.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                contender.command(influx),
                cwd=ROOT,
                env={**os.environ, **contender.environment(influx)},
                stdout=output,
                stderr=output,
            )
        try:
            samples, peak_mib = _samples(process, influx, values, log)
        finally:
            end(process)
        return _cost(samples, peak_mib, values, stored=stored(influx))


def _samples(
    process: subprocess.Popen[bytes], influx: InfluxServer, values: int, log: Path
) -> tuple[list[Sample], float]:
    samples: list[Sample] = []
    peak_mib, begun_at_s = 0.0, time.monotonic()
    server = psutil.Process(influx.server.pid)
    while not samples or (
        samples[-1].values < values and time.monotonic() - samples[0].at_s < MEASURED_S_MAX
    ):
        is_late = not samples and time.monotonic() - begun_at_s > START_LIMIT_S
        if process.poll() is not None or is_late:
            raise RuntimeError(f"it ended or stored nothing: {tail(log)}")
        time.sleep(EVERY_S)
        members = family(process)
        peak_mib = max(peak_mib, pss_mib(members))
        sample = Sample(_written(influx), time.monotonic(), cpu_s(members), cpu_s([server]))
        if sample.values > (samples[-1].values if samples else 0):
            samples.append(sample)
    return samples, peak_mib


def _cost(samples: list[Sample], peak_mib: float, values: int, *, stored: int) -> Cost:
    last = samples[-1]
    warm = next(sample for sample in samples if sample.values >= last.values * WARM_SHARE)
    if warm is last:
        raise RuntimeError("too few values for so fast a way: give it more")
    measured = last.values - warm.values
    return Cost(
        values_s=measured / (last.at_s - warm.at_s),
        cpu_us=(last.cpu_s - warm.cpu_s) / measured * 1e6,
        influx_cpu_us=(last.influx_cpu_s - warm.influx_cpu_s) / measured * 1e6,
        peak_mib=peak_mib,
        stored=stored,
        is_whole=last.values >= values,
    )


def _written(influx: InfluxServer) -> int:
    """Points that InfluxDB has written since its start, repeats included."""
    text = requests.get(f"{influx.url}/metrics", timeout=10).text
    return int(sum(float(found["points"]) for found in _WRITTEN.finditer(text)))


def stored(influx: InfluxServer) -> int:
    """Values that InfluxDB holds, counted by itself."""
    counts = ", ".join(f"count({name})" for name in FIELD_BY_TOPIC.values())
    rows = InfluxReader(url=influx.url, token=influx.read_token).query(
        LIVE_BUCKET,
        f"SELECT {counts} FROM {AIR}",  # noqa: S608 - our own field names
    )
    return sum(count or 0 for row in rows for name, count in row.items() if name != "time")

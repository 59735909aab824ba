"""How the running stack fares: the processes, their lag, and how fresh the stored air is."""

import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests

from contracts.errors import UnavailableError
from local_stack.stack import ProcessStatus
from runtime.freshness import newest_at_s
from runtime.influx_reader import InfluxReader

TIMEOUT_S = 5.0
_COLLECTOR_LAG = re.compile(r"^collector_lag_records ([0-9.e+]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Row:
    """One process; `lag` in records is None where it reads no topic or the broker does not answer."""

    name: str
    state: str
    is_well: bool
    port: int | None
    pss_bytes: int | None
    uptime_s: float | None
    restarts: int
    lag: int | None
    last_error: str | None

    @classmethod
    def of(cls, process: ProcessStatus, lag: int | None) -> "Row":
        """The row of a process."""
        return cls(
            name=process.name,
            state=process.state,
            is_well=process.is_well,
            port=process.port,
            pss_bytes=process.pss_bytes,
            uptime_s=process.uptime_s,
            restarts=process.restarts,
            lag=lag,
            last_error=process.last_error,
        )


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole stack; `freshness_s` is the age of the newest stored value in seconds."""

    rows: tuple[Row, ...]
    freshness_s: float | None
    logs_dir: Path

    @property
    def is_well(self) -> bool:
        """Whether there is a stack and all of it runs."""
        return bool(self.rows) and all(row.is_well for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "is_well": self.is_well,
            "processes": [asdict(row) for row in self.rows],
            "freshness_s": self.freshness_s,
            "logs_dir": str(self.logs_dir),
        }


def collector_lag(metrics_url: str) -> int | None:
    """Records that the collector has not polled yet; None where it does not answer.

    From its own metrics: the offsets it committed never reach the end of a topic of transactions.
    """
    try:
        found = _COLLECTOR_LAG.search(requests.get(metrics_url, timeout=TIMEOUT_S).text)
    except requests.RequestException:
        return None
    return int(float(found[1])) if found else None


def freshness_s(influx: InfluxReader) -> float | None:
    """Age of the newest stored value in seconds; None where there is none or no answer."""
    try:
        newest = newest_at_s(influx)
    except (UnavailableError, ValueError):
        return None
    return None if newest is None else max(0.0, time.time() - newest)

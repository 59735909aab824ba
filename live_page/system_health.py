"""How the system fares, as somebody sees who looks at the page: fresh air, fresh forecasts, every process."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from contracts.stored import FORECAST, FORECASTS_NEWEST
from runtime.freshness import newest_at_s
from runtime.influx_reader import InfluxReader

PROBE_TIMEOUT_S = 2.0
PROBES_AT_ONCE = 8
HOUR_S = 3600
BECAUSE_CHARACTERS = 200


def system_health(influx: InfluxReader, url_by_process: Mapping[str, str]) -> dict[str, Any]:
    """`newest_at_s` and `issued_at_s` in Unix seconds or None; `processes` as they answer for themselves.

    `is_well` says whether each of them is ready. Raises UnavailableError where the store is away.
    """
    processes = probed(url_by_process)
    return {
        "is_well": all(process["is_ready"] for process in processes),
        "newest_at_s": newest_at_s(influx),
        "issued_at_s": _issued_at_s(influx),
        "processes": processes,
    }


def probed(url_by_process: Mapping[str, str]) -> list[dict[str, Any]]:
    """What each process's own `/readyz` says."""
    with ThreadPoolExecutor(PROBES_AT_ONCE) as pool:
        return list(pool.map(_probe, url_by_process.items()))


def _probe(process: tuple[str, str]) -> dict[str, Any]:
    name, url = process
    because = _because(url)
    return {"name": name, "is_ready": because is None, "because": because}


def _because(url: str) -> str | None:
    """Why it is not ready; None when it is."""
    try:
        answer = requests.get(url, timeout=PROBE_TIMEOUT_S)
    except requests.RequestException:
        return "does not answer"
    if answer.ok:
        return None
    try:
        return str(answer.json()["because"])[:BECAUSE_CHARACTERS]
    except (ValueError, KeyError, TypeError):
        return f"answers {answer.status_code}"


def _issued_at_s(influx: InfluxReader) -> int | None:
    # The hours just ahead are of the newest issue.
    rows = influx.query(
        FORECAST.name,
        f'SELECT last("issued_at") AS issued_at FROM "{FORECASTS_NEWEST.name}" '  # noqa: S608
        f"WHERE time > now() - {HOUR_S}s AND time < now() + 1d",
    )
    return int(rows[0]["issued_at"]) if rows else None

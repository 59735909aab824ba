"""Whether the system does its work now: the last fetch, checkpoint, stored value and forecast."""

from datetime import datetime
from pathlib import Path

import msgspec

from contracts.errors import UnavailableError
from contracts.stored import FORECAST
from contracts.topics import READINGS_RAW
from flink_jobs.checkpoints import newest_snapshot
from luftstrom.doctor.findings import Finding, ill, unasked, well
from runtime.group_offsets import newest_records
from runtime.influx_reader import InfluxReader
from runtime.kafka_reader import KafkaLogReader
from runtime.kafka_security import KafkaSecurity

FETCH_AGE_S_MAX = 15 * 60
CHECKPOINT_AGE_S_MAX = 5 * 60
VALUE_AGE_S_MAX = 20 * 60
# One is issued each hour, at 20 minutes past, or at 45 where the last hour is late.
FORECAST_AGE_S_MAX = 2 * 3600


class _Fetched(msgspec.Struct):
    fetched_at: datetime


def judged(what: str, age_s: float | None, *, limit_s: float, never: str, remedy: str) -> Finding:
    """Well where it happened within the limit; `never` is what to say where it never did."""
    if age_s is None:
        return ill(what, never, remedy)
    detail = f"{age_s:,.0f} s ago"
    return well(what, detail) if age_s <= limit_s else ill(what, f"{detail}, at most {limit_s:,.0f}", remedy)


def last_fetch(bootstrap_servers: str, security: KafkaSecurity, *, now_s: float) -> Finding:
    """When the newest raw reading was fetched: asked of the log, so that it holds wherever a scraper runs."""
    try:
        age_s = _age_of_fetch_s(bootstrap_servers, security, now_s)
    except UnavailableError as error:
        return unasked("last fetch", str(error))
    remedy = "See the scraper's log: it tells each poll, and why one failed."
    return judged(
        "last fetch", age_s, limit_s=FETCH_AGE_S_MAX, never="nothing was ever fetched", remedy=remedy
    )


def checkpoint(state_dir: Path, *, now_s: float) -> Finding:
    """How old the newest whole checkpoint in that folder is."""
    newest = newest_snapshot(state_dir)
    age_s = None if newest is None else now_s - (newest / "_metadata").stat().st_mtime
    remedy = (
        "See logs/flink.log in the state folder, and the web page of Flink: which checkpoint fails, and why."
    )
    return judged(
        "checkpoint",
        age_s,
        limit_s=CHECKPOINT_AGE_S_MAX,
        never=f"there is none in {state_dir}",
        remedy=remedy,
    )


def last_value(age_s: float | None) -> Finding:
    """How old the newest stored value is."""
    remedy = (
        "Follow a reading: `luftstrom reconcile --window 5m` shows the stage behind which they are missing."
    )
    return judged(
        "last value", age_s, limit_s=VALUE_AGE_S_MAX, never="nothing was stored in a day", remedy=remedy
    )


def last_forecast(influx: InfluxReader, *, now_s: float) -> Finding:
    """When the newest stored forecast was issued."""
    query = (
        'SELECT max("issued_at") AS issued_at FROM "forecast" WHERE time > now() - 2d AND time < now() + 2d'
    )
    try:
        rows = influx.query(FORECAST.name, query)
    except (UnavailableError, ValueError) as error:
        return unasked("last forecast", str(error))
    age_s = now_s - float(rows[0]["issued_at"]) if rows else None
    remedy = (
        "See the predictor's log; it needs hours in the bucket `hourly`, and issues at 20 past each hour."
    )
    return judged(
        "last forecast", age_s, limit_s=FORECAST_AGE_S_MAX, never="none was issued in two days", remedy=remedy
    )


def _age_of_fetch_s(bootstrap_servers: str, security: KafkaSecurity, now_s: float) -> float | None:
    reader = KafkaLogReader(bootstrap_servers, security=security)
    newest = newest_records(bootstrap_servers, READINGS_RAW.name, security=security)
    records = [reader.record(partition, offset) for partition, offset in newest.items()]
    fetched = [
        _fetched_at_s(record.value) for record in records if record is not None and record.value is not None
    ]
    return now_s - max(fetched) if fetched else None


def _fetched_at_s(message: bytes) -> float:
    try:
        return msgspec.json.decode(message, type=_Fetched).fetched_at.timestamp()
    except msgspec.MsgspecError:
        return 0.0

"""A whole stack on free ports that plays a recording as fast as the scraper takes it."""

import os
import signal
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psutil
import requests

from local_stack import stack
from local_stack.ports import free_ports
from local_stack.settings import Settings
from tests.end_to_end.independent_recording import observed_at_s, records_of

RECORDING = "aberdeen-2019-05-12"
ADVANCE_S = 150  # each record is in two answers: a poll that dies with its answer is made good by the next
MINUTE_S = 60
DAYS = 3
PORTS = (
    "kafka_port", "kafka_controller_port", "influxd_port", "valkey_port", "recording_port",
    "flink_rest_port", "flink_metrics_port", "scraper_metrics_port", "collector_metrics_port",
    "predictor_metrics_port", "page_port", "page_metrics_port",
)  # fmt: skip


def a_settings(folder, **given):
    """Settings on free ports; the recording ends about an hour ago."""
    begins = datetime.now(UTC) - timedelta(days=DAYS, hours=1)
    fields = {
        "data_dir": folder,
        "source": "recording",
        "recording": RECORDING,
        "recording_advance_per_fetch_s": ADVANCE_S,
        "recording_once": True,
        "recording_starts_at_s": int(begins.timestamp()) // MINUTE_S * MINUTE_S,
        "poll_interval_s": 0.0,
        "checkpoint_interval_s": 2.0,
        **dict(zip(PORTS, free_ports(len(PORTS)), strict=True)),
    }
    return Settings(**{**fields, **given})


def shift_s(settings):
    """Seconds from a record's own time to its time in the feed: the first is a second after the start."""
    first = records_of(settings.recording)[0]
    return settings.recording_starts_at_s - (observed_at_s(first) - 1)


@contextmanager
def playing_stack(folder):
    settings = a_settings(folder)
    stack.up(settings, lambda _line: None)
    try:
        yield settings
    finally:
        stack.down(settings, wipe=True)


def recording_state(settings):
    url = f"http://127.0.0.1:{settings.recording_port}/recording/state"
    return requests.get(url, timeout=10).json()


def processes_by_name(settings):
    return {process.name: process for process in stack.status(settings)}


def kill_process(settings, name):
    """Kill with -9, children too, as a machine that runs out of memory would."""
    process = psutil.Process(processes_by_name(settings)[name].pid)
    for each in [process, *process.children(recursive=True)]:
        os.kill(each.pid, signal.SIGKILL)


def wait_until(is_so, *, limit_s, every_s=0.2):
    """Wait for a condition; an error of a part that is just coming back counts as not yet."""
    ends_at_s = time.monotonic() + limit_s
    last_error = None
    while time.monotonic() < ends_at_s:
        try:
            if is_so():
                return
        except (requests.RequestException, OSError, RuntimeError) as error:
            last_error = error
        time.sleep(every_s)
    raise AssertionError(f"not so within {limit_s} s; last error: {last_error!r}")

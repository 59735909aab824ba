"""Recording: snapshots of the live feed, one after the other, into a file that can be played again."""

import math
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from rich.filesize import decimal

from contracts.errors import UnavailableError
from local_stack.recordings.recording_file import RecordingFile
from runtime.settings import read_settings
from runtime.stopping import stop_on_signals
from scraper.sensor_community_source import AskedToWaitError, SensorCommunitySource
from scraper.settings import Settings

# A stop waits so long for the answer that is on its way.
STOP_LIMIT_S = 8.0
# A recording is published nowhere; the scraper's settings ask for both.
NOWHERE = {"kafka_bootstrap_servers": "nowhere", "redis_url": "nowhere"}

Tell = Callable[[str], None]


def record(path: Path, *, every_s: float, for_s: float | None, tell: Tell) -> None:
    """Record the feed of SCRAPER_SOURCE_URL into `path` every so many seconds, until told to stop.

    Raises SettingsError without a contact for the live network, BadInputError where the file is no recording
    or another process's, UnavailableError where it cannot be written, or nothing came to record.
    """
    settings = read_settings(Settings, poll_interval_s=every_s, **NOWHERE)
    with closing(RecordingFile(path)) as file, closing(SensorCommunitySource(settings)) as source:
        tell(f"recording {settings.source_url} every {every_s:g} s; Ctrl-C ends it and loses nothing")
        if file.records:
            tell(f"going on with {path}: {file.records:,} records so far")
        record_snapshots(
            source,
            file,
            every_s=every_s,
            for_s=for_s,
            stopping=stop_on_signals(limit_s=STOP_LIMIT_S),
            tell=tell,
        )
        if not file.records:
            raise UnavailableError(f"nothing to record came from {settings.source_url}; no file is left")
        tell(f"{_so_far(file)} in {path}; play it: luftstrom up --recording {path.absolute()}")


def record_snapshots(
    source: SensorCommunitySource,
    file: RecordingFile,
    *,
    every_s: float,
    for_s: float | None,
    stopping: threading.Event,
    tell: Tell,
) -> None:
    """Add a snapshot every so many seconds, later where the service asks for a pause."""
    ends_at_s = time.monotonic() + (math.inf if for_s is None else for_s)
    wait_s = 0.0
    while time.monotonic() + wait_s <= ends_at_s and not stopping.wait(wait_s):
        wait_s = every_s
        try:
            payload = source.fetch()
        except UnavailableError as error:
            if isinstance(error, AskedToWaitError):
                wait_s = max(wait_s, error.seconds)
            tell(f"{error}; asking again in {wait_s:g} s")
            continue
        tell(_added(file, payload))
        source.accept()


def _added(file: RecordingFile, payload: bytes | None) -> str:
    if payload is None:
        return "nothing has changed"
    added = file.add(payload)
    left_out = f", {added.left_out:,} left out" if added.left_out else ""
    return f"{added.recorded:,} recorded, {added.repeated:,} known{left_out}; {_so_far(file)}"


def _so_far(file: RecordingFile) -> str:
    return f"{file.records:,} records, {decimal(file.size_bytes)}"

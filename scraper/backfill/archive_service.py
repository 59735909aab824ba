"""The archive of sensor.community over HTTP: a page and a file at a time, at most one request a second."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import BinaryIO, cast
from urllib.parse import quote

import requests

from contracts.errors import BadInputError
from runtime.clock import Clock, SystemClock
from runtime.retry import retry_unavailable
from runtime.settings import SettingsError
from scraper.backfill.archive_names import ListedFile, listed_files
from scraper.sensor_community_source import (
    AskedToWaitError,
    body_parts,
    polite_session,
    request_errors,
    require_ok,
)
from scraper.settings import Settings

REQUEST_GAP_S = 1.0
# Of the service being away; then the back-fill ends, and goes on from there when it is started again.
PATIENCE_S = 10 * 60.0
GZIP_MAGIC = b"\x1f\x8b"


class ArchiveService:
    """Asks the archive, waits between requests, and asks again where it does not answer."""

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Raises SettingsError where the service could not reach whoever asks it."""
        if settings.asks_live_archive and not settings.contact:
            raise SettingsError(
                "SCRAPER_CONTACT is not set: sensor.community wants to reach whoever reads its archive. "
                "Set it to your mail or web address."
            )
        self._base = settings.archive_url.rstrip("/")
        self._timeout_s = (settings.connect_timeout_s, settings.read_timeout_s)
        self._bytes_max = settings.payload_bytes_max
        self._session = polite_session(settings)
        self._gap_s = REQUEST_GAP_S if settings.asks_live_archive else 0.0
        self._clock, self._sleep = clock or SystemClock(), sleep
        self._free_at_s = 0.0

    def files_of(self, day: date) -> tuple[str, list[ListedFile]]:
        """The folder of a day, and the daily files in it.

        Raises BadInputError where the archive has none of that day, UnavailableError without an answer.
        """
        folders = [f"{day}", f"{day.year}/{day}"]
        if day.year < datetime.fromtimestamp(self._clock.now_s(), UTC).year:
            folders.reverse()  # days of a year that is over lie in a folder of the year, after a while
        for folder in folders:
            try:
                with self._asked(f"{folder}/") as page:
                    return folder, listed_files(page.read().decode(errors="replace"))
            except BadInputError:
                continue
        raise BadInputError("not_there", f"{self._base} has no files of {day}")

    @contextmanager
    def opened(self, folder: str, name: str) -> Iterator[tuple[str, BinaryIO]]:
        """A file, whole, in a temporary one, under the name that says how it is packed now.

        Raises BadInputError where it is not there, UnavailableError where the archive does not answer.
        """
        with self._asked(f"{folder}/{quote(name)}") as file:
            # Some servers call the packing of a .gz file that of the transfer, and the client then undoes it.
            is_packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            file.seek(0)
            yield (name if is_packed else name.removesuffix(".gz")), file

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    @contextmanager
    def _asked(self, path: str) -> Iterator[BinaryIO]:
        url = f"{self._base}/{path}"
        with tempfile.TemporaryFile() as file:
            retry_unavailable(
                lambda: self._download(url, cast("BinaryIO", file)),
                what=url,
                stopping=threading.Event(),
                limit_s=PATIENCE_S,
            )
            file.seek(0)
            yield cast("BinaryIO", file)

    def _download(self, url: str, file: BinaryIO) -> None:
        self._wait()
        file.seek(0)
        file.truncate()
        try:
            with request_errors(url), self._session.get(url, timeout=self._timeout_s, stream=True) as answer:
                if answer.status_code in {requests.codes.not_found, requests.codes.gone}:
                    raise BadInputError("not_there", f"{url} is not there")
                require_ok(answer)
                for part in body_parts(answer, bytes_max=self._bytes_max):
                    file.write(part)
        except AskedToWaitError as error:
            self._free_at_s = self._clock.monotonic_s() + error.seconds
            raise

    def _wait(self) -> None:
        """Until the next request may be made: a second after the last one, or when the service said."""
        wait_s = self._free_at_s - self._clock.monotonic_s()
        if wait_s > 0:
            self._sleep(wait_s)
        self._free_at_s = self._clock.monotonic_s() + self._gap_s

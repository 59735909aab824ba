"""sensor.community over HTTP, politely: who we are, only what is new, gzip, limits, patience."""

import email.utils
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from contracts.errors import UnavailableError
from scraper.settings import Settings

CHUNK_BYTES = 256 * 1024
RETRY_AFTER_S_MAX = 15 * 60.0


class AskedToWaitError(UnavailableError):
    """The service asked for a pause of `seconds`."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = min(seconds, RETRY_AFTER_S_MAX)


class SensorCommunitySource:
    """The feed of the last five minutes; remembers what it saw last and asks only for newer.

    `origin` names another address of the service, of `Settings.fallback_urls`.
    """

    def __init__(self, settings: Settings, *, origin: str | None = None) -> None:
        self.origin = origin
        self._url = settings.source_url if origin is None else settings.fallback_urls[origin]
        self._timeout_s = (settings.connect_timeout_s, settings.read_timeout_s)
        self._bytes_max = settings.payload_bytes_max
        self._session = polite_session(settings)
        self._conditions: dict[str, str] = {}
        self._offered: dict[str, str] = {}

    def fetch(self) -> bytes | None:
        """The feed's bytes, unpacked; None where it has not changed since the last `accept`.

        Raises UnavailableError where there is no whole answer, AskedToWaitError where we are to wait.
        """
        with (
            request_errors(self._url),
            self._session.get(
                self._url, headers=self._conditions, timeout=self._timeout_s, stream=True
            ) as answer,
        ):
            return self._payload(answer)

    def accept(self) -> None:
        """What was fetched last is safe: from now on ask only for newer."""
        self._conditions = self._offered

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def _payload(self, answer: requests.Response) -> bytes | None:
        if answer.status_code == requests.codes.not_modified:
            return None
        require_ok(answer)
        payload = b"".join(body_parts(answer, bytes_max=self._bytes_max))
        if not payload:
            raise UnavailableError(f"{self._url} sent an empty answer")
        self._offered = _conditions(answer)
        return payload


def polite_session(settings: Settings) -> requests.Session:
    """A session that says who we are and takes gzip."""
    session = requests.Session()
    session.headers["User-Agent"] = settings.user_agent
    session.headers["Accept-Encoding"] = "gzip"
    return session


@contextmanager
def request_errors(url: str) -> Iterator[None]:
    """Turn the client's errors inside the block into UnavailableError."""
    try:
        yield
    except requests.RequestException as error:
        raise UnavailableError(f"no answer from {url}: {_reason(error)}") from error


def require_ok(answer: requests.Response) -> None:
    """Raise UnavailableError where the answer is not 200, AskedToWaitError where it asks for a pause."""
    if answer.status_code == requests.codes.ok:
        return
    message = f"{answer.url} answered {answer.status_code}"
    wait_s = _retry_after_s(answer.headers.get("Retry-After"), now_s=time.time())
    raise UnavailableError(message) if wait_s is None else AskedToWaitError(message, wait_s)


def body_parts(answer: requests.Response, *, bytes_max: int) -> Iterator[bytes]:
    """The unpacked body in parts; raises UnavailableError where it is larger than `bytes_max`."""
    size = 0
    for part in answer.iter_content(CHUNK_BYTES):
        size += len(part)
        if size > bytes_max:
            raise UnavailableError(
                f"{answer.url} sends more than {bytes_max} bytes (SCRAPER_PAYLOAD_BYTES_MAX)"
            )
        yield part


def _reason(error: requests.RequestException) -> object:
    """What went wrong underneath, without the client's own wrapping."""
    wrapped = error.args[0] if error.args else error
    return getattr(wrapped, "reason", None) or wrapped


def _conditions(answer: requests.Response) -> dict[str, str]:
    headers = {"If-None-Match": "ETag", "If-Modified-Since": "Last-Modified"}
    return {ours: answer.headers[theirs] for ours, theirs in headers.items() if theirs in answer.headers}


def _retry_after_s(value: str | None, *, now_s: float) -> float | None:
    """Seconds to wait, from the header's number or date; None without one."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now_s)
    except ValueError:
        return None

"""One batch to the store: every answer of InfluxDB's write API has its consequence here.

204 stored · 400 nothing stored, the bad lines are named · 422 the good ones stored, the bad ones not named ·
413 too large · 401, 403, 404 token or bucket · 429, 503 overloaded · anything else unknown: send again.
A repeat does no harm, for equal points overwrite themselves.
"""

import re
import threading
from collections.abc import Callable

import msgspec
import structlog
import tenacity

from collector.batches import require_mostly_good
from collector.lines import Lines
from collector.metrics import NO_ANSWER, Metrics
from contracts.dead_letters import DeadLetter, Reason
from contracts.errors import UnavailableError
from contracts.stored import AIR, RETENTION_S_BY_BUCKET
from runtime.clock import Clock
from runtime.store_interface import PointStore, WriteRefusedError

log = structlog.get_logger()

REQUEST_LINES = 5_000  # more is no faster, and less is slower
BACKOFF_BASE_S = 0.5
BACKOFF_CAP_S = 10.0
RETRY_AFTER_S_MAX = 300.0

NAMED, TOO_LARGE, NOT_NAMED = 400, 413, 422
NOT_ALLOWED = frozenset({401, 403, 404})

_VALUE = f"{AIR},"
_UNPARSED = re.compile(r"^unable to parse '(?P<line>.*)': (?P<reason>.*)$", re.MULTILINE)


class StoreAwayError(UnavailableError):
    """The store takes nothing for now; `retry_after_s` is what it asked for, in seconds."""

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = min(retry_after_s, RETRY_AFTER_S_MAX)


class _Refusal(msgspec.Struct):
    """InfluxDB's own form of an error; a proxy's page is none."""

    code: str
    message: str = ""


_decode_refusal = msgspec.json.Decoder(_Refusal).decode


class BatchWriter:
    """Writes the lines of one bucket, for as long as it takes."""

    def __init__(
        self,
        store: PointStore,
        *,
        bucket: str,
        clock: Clock,
        stopping: threading.Event,
        metrics: Metrics,
        request_lines: int = REQUEST_LINES,
        backoff_base_s: float = BACKOFF_BASE_S,
    ) -> None:
        self._store, self._bucket, self._request_lines = store, bucket, request_lines
        self._retention_s = RETENTION_S_BY_BUCKET[bucket]
        self._clock = clock
        self._stopping = stopping
        self._metrics = metrics
        self._backoff_base_s = backoff_base_s
        self._trouble: str | None = None

    @property
    def trouble(self) -> str | None:
        """Why the store takes nothing now; None while it does."""
        return self._trouble

    def probe(self) -> None:
        """Wait until the store answers and lets us in; raises UnavailableError once stopping."""
        self._answer(Lines())

    def write(self, lines: Lines) -> list[DeadLetter]:
        """Store every line that the store will ever take; the dead letters of the others.

        Raises UnavailableError where the store is away and the process is stopping,
        TooManyBadError where it refuses most of the batch.
        """
        letters: list[DeadLetter] = []
        step = self._request_lines
        waiting = [lines.cut(start, start + step) for start in range(0, len(lines), step)][::-1]
        while waiting:
            part = waiting.pop()
            refusal = self._answer(part)
            if refusal is None:
                self._count_stored(part)
                continue
            log.warning("write_refused", status=refusal.status, lines=len(part), error=str(refusal))
            more, refused = consequence(part, refusal, kept_since_s=self._clock.now_s() - self._retention_s)
            waiting += more
            letters += refused
            require_mostly_good(len(lines), letters)
        return letters

    def _answer(self, lines: Lines) -> WriteRefusedError | None:
        """None where all is stored, or a refusal that waiting does not cure."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(StoreAwayError),
            wait=_wait(tenacity.wait_random_exponential(multiplier=self._backoff_base_s, max=BACKOFF_CAP_S)),
            stop=tenacity.stop_when_event_set(self._stopping),
            sleep=tenacity.sleep_using_event(self._stopping),
            reraise=True,
        )
        return retrying(self._ask, lines.texts)

    def _ask(self, texts: list[str]) -> WriteRefusedError | None:
        status = NO_ANSWER
        started_at_s = self._clock.monotonic_s()
        try:
            self._store.write(texts)
            status = "204"
        except WriteRefusedError as refusal:
            status = str(refusal.status)
            if texts and is_about_lines(refusal):
                return refusal
            raise self._away(explained(refusal), refusal.retry_after_s or 0.0) from refusal
        except UnavailableError as error:
            raise self._away(str(error)) from error
        finally:
            self._metrics.writes.labels(status).inc()
            self._metrics.write_seconds.observe(self._clock.monotonic_s() - started_at_s)
        if self._trouble is not None:
            log.info("store_back")
        self._trouble = None
        return None

    def _away(self, trouble: str, retry_after_s: float = 0.0) -> StoreAwayError:
        log.warning("store_away", error=trouble, retry_after_s=retry_after_s)
        self._trouble = trouble
        return StoreAwayError(trouble, retry_after_s)

    def _count_stored(self, lines: Lines) -> None:
        self._metrics.points_written.labels(self._bucket).inc(len(lines))
        values = [at for text, at in zip(lines.texts, lines.moments, strict=True) if text.startswith(_VALUE)]
        self._metrics.value_age.observe(values, now_s=self._clock.now_s())


def consequence(
    lines: Lines, refusal: WriteRefusedError, *, kept_since_s: float
) -> tuple[list[Lines], list[DeadLetter]]:
    """What to send next, and the dead letters, after a refusal that is about the lines themselves."""
    bad: list[int] = []
    reason = Reason.REFUSED_BY_STORE
    if refusal.status == NAMED:
        named = unparsed_lines(refusal.body)
        bad = [number for number, text in enumerate(lines.texts) if text in named]
    elif refusal.status == NOT_NAMED:
        # Lines age while they wait for the store: the oldest may have left its retention meanwhile.
        bad = [number for number, at_s in enumerate(lines.moments) if at_s < kept_since_s]
        reason = Reason.OUTSIDE_RETENTION if bad else reason
    if not bad and len(lines) > 1:
        middle = len(lines) // 2
        return [lines.cut(middle, len(lines)), lines.cut(0, middle)], []
    bad = bad or list(range(len(lines)))
    good = lines.without(bad)
    return ([good] if good else []), lines.picked(bad).letters(reason)


def unparsed_lines(body: bytes) -> dict[str, str]:
    """Reason by bad line, from the body of a 400 answer of `/api/v2/write`."""
    refusal = _refusal(body)
    found = _UNPARSED.finditer(refusal.message) if refusal else ()
    return {each["line"]: each["reason"] for each in found}


def is_about_lines(refusal: WriteRefusedError) -> bool:
    """Whether the lines are at fault; a 400 or 422 that is not InfluxDB's own is a proxy's trouble."""
    if refusal.status == TOO_LARGE:
        return True
    return refusal.status in {NAMED, NOT_NAMED} and _refusal(refusal.body) is not None


def explained(refusal: WriteRefusedError) -> str:
    """The answer, with what to do where somebody has to."""
    if refusal.status in NOT_ALLOWED:
        return f"{refusal}. Check the token, its write access, the organisation and the bucket."
    return str(refusal)


def _refusal(body: bytes) -> _Refusal | None:
    try:
        return _decode_refusal(body)
    except msgspec.MsgspecError:
        return None


def _wait(
    backoff: Callable[[tenacity.RetryCallState], float],
) -> Callable[[tenacity.RetryCallState], float]:
    """Back off with jitter, and never return sooner than the store asked."""

    def wait_s(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.retry_after_s if isinstance(error, StoreAwayError) else 0.0
        return max(asked_s, backoff(state))

    return wait_s

"""The lease: one scraper polls at a time, and the next one asks the service no sooner than it should.

It spares the service a request and Kafka a repeat; it is no proof. A process that stood still for longer
than its lease may wake and write: `Memory.remember` refuses it, and no count rests on the lease.
"""

import uuid

import redis
import structlog
from redis.exceptions import LockError

from runtime.clock import Clock
from runtime.redis_client import redis_errors
from scraper.metrics import Metrics

log = structlog.get_logger()

LEASE_KEY = "scraper:lease"


class HeldElsewhereError(Exception):
    """Another scraper has the lease: `holder`, for `left_s` more seconds unless it renews it."""

    def __init__(self, holder: str, left_s: float) -> None:
        super().__init__(f"{holder} has the lease for {left_s:.1f} s more")
        self.holder, self.left_s = holder, left_s


class Lease:
    """Ends by itself `seconds` after it was renewed last; given up, `kept_s` after the poll began."""

    def __init__(
        self,
        client: redis.Redis,
        *,
        holder: str,
        seconds: float,
        kept_s: float,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._client, self._kept_s = client, kept_s
        self._token = f"{holder} {uuid.uuid4().hex}".encode()
        self._clock, self._metrics = clock, metrics
        self._lock = client.lock(LEASE_KEY, timeout=seconds, thread_local=False)
        self._began_at_s: float | None = None  # while a poll has the lease

    def keep(self) -> None:
        """Renew it, or take it; says so where it was lost meanwhile.

        Raises HeldElsewhereError where it is another's now, UnavailableError where Redis is away.
        """
        with redis_errors():
            if self._is_renewed():
                return
            if self._began_at_s is not None:
                log.warning("lease_lost", after_s=round(self._clock.monotonic_s() - self._began_at_s, 1))
                self._metrics.lost_leases.inc()
                self._began_at_s = None
            self._take()

    def give_up(self) -> None:
        """Let another poll; what is not ours any more, or cannot be reached, ends by itself."""
        if self._began_at_s is None:
            return
        left_s = self._kept_s - (self._clock.monotonic_s() - self._began_at_s)
        self._began_at_s = None
        try:
            if left_s > 0:
                self._lock.extend(left_s, replace_ttl=True)
            else:
                self._lock.release()
        except redis.RedisError as error:
            log.warning("lease_not_given_up", error=str(error))

    def _is_renewed(self) -> bool:
        try:
            self._lock.reacquire()
        except LockError:
            return False
        if self._began_at_s is None:
            self._began_at_s = self._clock.monotonic_s()
        return True

    def _take(self) -> None:
        if not self._lock.acquire(blocking=False, token=self._token):
            found: bytes = self._client.get(LEASE_KEY) or b"nobody "  # type: ignore[assignment]
            if found != self._token:
                left_ms: int = self._client.pttl(LEASE_KEY)
                raise HeldElsewhereError(_holder(found), max(left_ms, 0) / 1000)
            self._lock.local.token = found  # taken before, by a call whose answer never came
        self._began_at_s = self._clock.monotonic_s()


def _holder(token: bytes) -> str:
    return token.decode(errors="replace").rpartition(" ")[0]

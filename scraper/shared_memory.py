"""What all scrapers remember together: who polls, which ids were published, and what that adds up to."""

import uuid
from contextlib import suppress

import structlog

from contracts.errors import UnavailableError
from scraper.lease import HeldElsewhereError, Lease
from scraper.memory import Memory, PublishedIds, refusal_id
from scraper.metrics import Metrics
from scraper.parsing import Parsed
from scraper.sensors import KnownSensors
from scraper.unremembered import Unremembered

log = structlog.get_logger()

# Two scrapers that outlived their leases may remember at the same time, hardly ever more often.
WRITES_MAX = 5


class SharedMemory:
    """Keeps what Redis could not take until it can; nothing is lost where Redis is away."""

    def __init__(self, memory: Memory, lease: Lease, metrics: Metrics) -> None:
        self._memory, self._lease, self._metrics = memory, lease, metrics
        self._published = PublishedIds()
        self._mark: str | None = None  # of the last poll that anybody remembered, when the ids were read
        self._unremembered = Unremembered()

    def begin_poll(self) -> None:
        """Take the lease; raises HeldElsewhereError where another scraper polls."""
        with suppress(UnavailableError):  # without Redis there is none, as `recall` will say
            self._lease.keep()

    def end_poll(self) -> None:
        """Give the lease up."""
        self._lease.give_up()

    def recall(self) -> PublishedIds:
        """What Redis knows, and what we know where Redis could not be told or does not answer.

        Raises HeldElsewhereError where the lease was lost meanwhile, and another scraper polls.
        """
        try:
            self._lease.keep()
            self._read()
        except UnavailableError as error:
            log.warning("published_ids_unreadable", error=str(error))
        return self._published

    def remember(self, parsed: Parsed, fresh: Parsed, totals: dict[str, int], *, now_s: float) -> None:
        """Remember what a poll saw (`parsed`), of which it published `fresh`, and count its totals."""
        numbers = [reading.id for reading in parsed.readings]
        numbers += [refusal_id(letter.original) for letter in parsed.letters]
        self._published = self._published.with_seen(numbers, now_s=now_s)
        mark = uuid.uuid4().hex
        self._unremembered.add(mark, totals, fresh)
        try:
            self._write(mark)
        except UnavailableError as error:
            log.warning("poll_not_remembered", error=str(error))
            self._metrics.unremembered_polls.inc()
            self._unremembered.drop_ids(but=self._published)
        else:
            self._unremembered.clear()

    def sensors(self) -> KnownSensors:
        """What is known of every sensor."""
        return self._memory.sensors()

    def remember_sensors(self, known: KnownSensors) -> None:
        """Remember what is known of every sensor."""
        self._memory.remember_sensors(known)

    def _read(self) -> None:
        # The mark first: ids that come in between then make `Memory.remember` refuse.
        mark, known = self._memory.mark(), self._memory.published()
        self._unremembered.settle(known, mark=mark)
        self._mark = mark
        self._published = known.united(self._published) if self._unremembered else known

    def _write(self, mark: str) -> None:
        """Remember all that is not; what another scraper remembered meanwhile is taken in first."""
        with suppress(HeldElsewhereError):  # the lease said that it was lost; what is published still counts
            self._lease.keep()
        for _ in range(WRITES_MAX):
            waiting = self._unremembered.totals()
            if self._memory.remember(self._published, waiting, mark=mark, after=self._mark):
                return
            self._read()
        raise UnavailableError(f"others remembered {WRITES_MAX} times meanwhile")

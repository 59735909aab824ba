"""Places that the gazetteer named, asked of a better source one after the other, beside the polls."""

import random
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping

import structlog

from contracts.errors import UnavailableError
from contracts.places import DetailedPlace
from scraper.metrics import Metrics
from scraper.places import Position
from scraper.sensor_community_source import AskedToWaitError

log = structlog.get_logger()

# The usage policy of the public service: https://operations.osmfoundation.org/policies/nominatim/
INTERVAL_S = 1.0
FAILURE_WAIT_S, FAILURE_WAIT_S_MAX = 10.0, 3600.0
FAILURE_DOUBLINGS_MAX = 16
# More than the live network has; what is dropped is offered again by the next process.
WAITING_MAX = 20_000
STOP_LIMIT_S = 1.0

Ask = Callable[[Position], DetailedPlace | None]
Learn = Callable[[Mapping[Position, DetailedPlace]], None]


class Refinement:
    """A thread that asks for one place at a time and rests `interval_s` between an answer and the next.

    The newest position comes first: where many wait, a sensor that was just put up is named at once.
    One that failed comes last, after a pause that grows with each failure; no answer, nothing learnt.
    """

    def __init__(
        self,
        ask: Ask,
        *,
        metrics: Metrics,
        interval_s: float = INTERVAL_S,
        failure_wait_s: float = FAILURE_WAIT_S,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        self._ask, self._metrics = ask, metrics
        self._interval_s, self._failure_wait_s, self._waiting_max = interval_s, failure_wait_s, waiting_max
        self._waiting: OrderedDict[Position, None] = OrderedDict()  # oldest first
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._failures = 0
        self._thread: threading.Thread | None = None

    def offer(self, positions: Iterable[Position]) -> None:
        """Ask for these too, some time; never waits. Of too many the oldest are dropped."""
        with self._changed:
            for position in positions:
                self._waiting[position] = None
                self._waiting.move_to_end(position)
            self._drop_oldest()
            self._changed.notify()

    def start(self, learn: Learn) -> None:
        """Begin to ask; `learn` gets each answer, and may raise UnavailableError where it cannot keep it."""
        self._thread = threading.Thread(target=self._run, args=(learn,), name="refinement", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ask no more; a question under way is waited for `STOP_LIMIT_S`, then left."""
        self._stopping.set()
        with self._changed:
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(STOP_LIMIT_S)

    def _run(self, learn: Learn) -> None:
        while (position := self._next()) is not None:
            wait_s = self._interval_s
            try:
                self._refine(position, learn)
            except UnavailableError as error:
                wait_s = max(wait_s, self._put_back(position, error))
            else:
                self._failures = 0
            self._stopping.wait(wait_s)

    def _next(self) -> Position | None:
        """The newest that waits, once there is one; None when we are to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping.is_set())
            if self._stopping.is_set():
                return None
            position, _ = self._waiting.popitem()
            self._metrics.places_waiting.set(len(self._waiting))
            return position

    def _refine(self, position: Position, learn: Learn) -> None:
        place = self._ask(position)
        if place is not None:
            learn({position: place})
        self._metrics.refinements.labels("unknown" if place is None else "refined").inc()

    def _put_back(self, position: Position, error: UnavailableError) -> float:
        """Ask for it again after all others; how many seconds to pause."""
        self._failures += 1
        self._metrics.refinements.labels("failed").inc()
        with self._changed:
            self._waiting[position] = None
            self._waiting.move_to_end(position, last=False)
            self._drop_oldest()
        asked_s = error.seconds if isinstance(error, AskedToWaitError) else 0.0
        wait_s = pause_s(self._failures, first_s=self._failure_wait_s, asked_s=asked_s)
        log.warning("place_not_refined", error=str(error), next_in_s=round(wait_s, 1))
        return wait_s

    def _drop_oldest(self) -> None:
        while len(self._waiting) > self._waiting_max:
            self._waiting.popitem(last=False)
            self._metrics.refinements.labels("dropped").inc()
        self._metrics.places_waiting.set(len(self._waiting))


def pause_s(failures: int, *, first_s: float, asked_s: float) -> float:
    """Seconds to pause after so many failures in a row: about `first_s`, doubling; at least `asked_s`."""
    doublings = min(failures - 1, FAILURE_DOUBLINGS_MAX)
    backoff_s = min(first_s * 2.0**doublings, FAILURE_WAIT_S_MAX)
    return max(asked_s, backoff_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, hides nothing

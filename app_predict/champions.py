"""The champions that are served: looked for while the process runs, checked, swapped whole."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import structlog

from app_predict.metrics import Metrics
from contracts.errors import BadInputError, UnavailableError
from forecasting.bundle import ModelBundle
from forecasting.card import RNN
from forecasting.litert import INPUTS
from forecasting.registry import ModelRegistry, Pointer
from runtime.clock import Clock

log = structlog.get_logger()

GOLDEN_FILE, GOLDEN_ANSWER = "golden.npz", "answer"
GOLDEN_TOLERANCE = 1e-4


@dataclass(slots=True)
class _Served:
    pointer: Pointer
    bundle: ModelBundle


class Champions:
    """The champion of each measure, by the pointers of the registry."""

    def __init__(
        self,
        registry: ModelRegistry,
        measures: Sequence[str],
        *,
        poll_s: float,
        threads: int,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._registry, self._measures = registry, measures
        self._poll_s, self._threads = poll_s, threads
        self._clock, self._metrics = clock, metrics
        self._served: dict[str, _Served] = {}
        self._refused: dict[str, str] = {}
        self._looked_at: set[str] = set()
        self._next_look_at_s = 0.0

    def of(self, measure: str) -> ModelBundle | None:
        """The champion of a measure; None before any promotion."""
        served = self._served.get(measure)
        return None if served is None else served.bundle

    def look(self) -> None:
        """Swap in what the pointers name now, at most every so many seconds; a bad one changes nothing.

        Raises UnavailableError where the registry was never reached since the start.
        """
        if self._clock.monotonic_s() < self._next_look_at_s:
            return
        self._next_look_at_s = self._clock.monotonic_s() + self._poll_s
        for measure in self._measures:
            try:
                self._look_at(measure)
            except BadInputError as error:
                self._keep_the_old(measure, error)
            except UnavailableError as error:
                # Before the first answer nobody knows whether there is a champion: the issue waits for it.
                if measure not in self._looked_at:
                    self._next_look_at_s = 0.0
                    raise
                self._keep_the_old(measure, error)
            self._looked_at.add(measure)

    def _look_at(self, measure: str) -> None:
        pointer = self._registry.champion(measure)
        served = self._served.get(measure)
        if pointer is None or (served is not None and pointer == served.pointer):
            self._refused.pop(measure, None)
            return
        bundle = self._registry.load(measure, pointer, threads=self._threads)
        if bundle.card.kind == RNN:
            require_golden(bundle, self._registry.file(measure, pointer.version, GOLDEN_FILE))
        self._refused.pop(measure, None)
        self._served[measure] = _Served(pointer, bundle)
        if served is not None:
            self._metrics.champion.remove(measure, served.pointer.version)
        self._metrics.champion.labels(measure, pointer.version).set(1)
        log.info("champion_loaded", measure=measure, version=pointer.version, kind=bundle.card.kind)

    def _keep_the_old(self, measure: str, error: Exception) -> None:
        self._metrics.load_failures.labels(measure).inc()
        # It fails at every look until somebody promotes another; once is enough for the log.
        if self._refused.get(measure) != str(error):
            self._refused[measure] = str(error)
            log.error("champion_refused", measure=measure, error=str(error))


def require_golden(bundle: ModelBundle, golden_batch: bytes) -> None:
    """Raise BadInputError unless the network answers its golden batch here as it did where it was made."""
    try:
        with np.load(io.BytesIO(golden_batch), allow_pickle=False) as golden:
            inputs = tuple(golden[name] for name in INPUTS)
            expected = golden[GOLDEN_ANSWER]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BadInputError("bad_golden_batch", f"of {bundle.card.version}: {error}") from error
    answer = bundle.network(inputs) if bundle.network is not None else np.empty(0)
    difference = np.abs(answer - expected).max() if answer.shape == expected.shape else np.inf
    if not difference <= GOLDEN_TOLERANCE:
        raise BadInputError(
            "bad_network", f"{bundle.card.version} answers its golden batch {difference:.2g} off"
        )

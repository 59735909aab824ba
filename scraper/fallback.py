"""The order to fall back in where the feed fails: one request a poll, the next poll asks the next address."""

from collections.abc import Sequence

import structlog

from contracts.errors import UnavailableError
from scraper.metrics import Metrics
from scraper.sensor_community_source import AskedToWaitError, SensorCommunitySource

log = structlog.get_logger()


class FallbackSource:
    """The feed; after it failed the next in order; the feed again once one answered, or all failed.

    304 is an answer. Who asks us to wait is waited for.
    """

    def __init__(self, sources: Sequence[SensorCommunitySource], metrics: Metrics) -> None:
        self._sources, self._metrics = sources, metrics
        self._turn = 0
        self._answered = sources[0]

    @property
    def origin(self) -> str | None:
        """Who answered last; None for the feed itself."""
        return self._answered.origin

    def fetch(self) -> bytes | None:
        """As SensorCommunitySource's, of the one whose turn it is."""
        source = self._sources[self._turn]
        if source.origin is not None:
            log.warning("fell_back", to=source.origin)
            self._metrics.fallbacks.labels(source.origin).inc()
        try:
            payload = source.fetch()
        except AskedToWaitError:
            raise
        except UnavailableError:
            self._turn = (self._turn + 1) % len(self._sources)
            raise
        self._answered, self._turn = source, 0
        return payload

    def accept(self) -> None:
        """What was fetched last is safe."""
        self._answered.accept()

    def close(self) -> None:
        """Let go of the connections."""
        for source in self._sources:
            source.close()

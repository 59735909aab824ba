"""The age of values when they can be queried, as a histogram that takes a whole batch at once."""

import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

NAME = "collector_value_age_seconds"
ABOUT = "Age of a value when InfluxDB had acknowledged it: from its observation to then."
LIMITS_S = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1800, 3600, 86_400)


class ValueAge(Collector):
    """A Prometheus histogram: an `observe` for each value would cost as much as storing it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lock = threading.Lock()
        self._counts = [0] * (len(LIMITS_S) + 1)
        self._sum_s = 0.0
        registry.register(self)

    def observe(self, observed_at_s: Sequence[int], *, now_s: float) -> None:
        """Values of these observation times (Unix seconds) can be queried since `now_s`."""
        ages_s = sorted(now_s - at_s for at_s in observed_at_s)
        younger = [bisect_left(ages_s, limit_s) for limit_s in LIMITS_S]
        with self._lock:
            for number, (low, high) in enumerate(zip([0, *younger], [*younger, len(ages_s)], strict=True)):
                self._counts[number] += high - low
            self._sum_s += sum(ages_s)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The histogram as Prometheus wants it: each bucket with all below it."""
        with self._lock:
            counts, sum_s = list(self._counts), self._sum_s
        limits = [*(str(float(limit_s)) for limit_s in LIMITS_S), "+Inf"]
        cumulated = [sum(counts[: number + 1]) for number in range(len(counts))]
        family = HistogramMetricFamily(NAME, ABOUT)
        family.add_metric([], list(zip(limits, cumulated, strict=True)), sum_s)
        yield family

"""The age of values when they can be queried, as a histogram that takes a whole batch at once."""

import threading
from bisect import bisect_left
from collections import Counter
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
        # Many are of the same second.
        count_by_age_s = {now_s - at_s: count for at_s, count in Counter(observed_at_s).items()}
        with self._lock:
            for age_s, count in count_by_age_s.items():
                self._counts[bisect_left(LIMITS_S, age_s)] += count
                self._sum_s += age_s * count

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The histogram as Prometheus wants it: each bucket with all below it."""
        with self._lock:
            counts, sum_s = list(self._counts), self._sum_s
        limits = [*(str(float(limit_s)) for limit_s in LIMITS_S), "+Inf"]
        cumulated = [sum(counts[: number + 1]) for number in range(len(counts))]
        family = HistogramMetricFamily(NAME, ABOUT)
        family.add_metric([], list(zip(limits, cumulated, strict=True)), sum_s)
        yield family

"""Every metric of the collector, each once, with its meaning."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from collector.value_age import ValueAge
from contracts.dead_letters import Reason
from contracts.stored import BUCKETS

NO_ANSWER = "none"


class Metrics:
    """What the collector counts; `registry` is served at /metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._of_reading(registry)
        self._of_writing(registry)
        self._of_series(registry)
        self.value_age = ValueAge(registry)
        # What has not happened yet is a 0 and no gap.
        for bucket in BUCKETS:
            self.points_written.labels(bucket.name)
        for reason in Reason:
            self.messages_set_aside.labels(reason.value)

    def _of_reading(self, registry: CollectorRegistry) -> None:
        self.records_consumed = Counter(
            "collector_records_consumed", "Records read from Kafka.", registry=registry
        )
        self.partitions = Gauge(
            "collector_partitions", "Partitions that this member of the group holds.", registry=registry
        )
        self.lag_records = Gauge(
            "collector_lag_records",
            "Records between what was read and the end of the assigned partitions.",
            registry=registry,
        )
        self.lag_seconds = Gauge(
            "collector_lag_seconds",
            "How long ago the next record to read was written; what was there at the start counts from then.",
            registry=registry,
        )

    def _of_writing(self, registry: CollectorRegistry) -> None:
        self.points_written = Counter(
            "collector_points_written",
            "Lines acknowledged by InfluxDB, by bucket, repeats included.",
            ["bucket"],
            registry=registry,
        )
        self.messages_set_aside = Counter(
            "collector_messages_set_aside",
            "Messages acknowledged on the dead-letter topic.",
            ["reason"],
            registry=registry,
        )
        self.write_seconds = Histogram(
            "collector_write_seconds",
            "Time from sending a request to InfluxDB to its answer.",
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
        )
        self.writes = Counter(
            "collector_writes",
            f"Requests to InfluxDB by the status of the answer; '{NO_ANSWER}' where there was none.",
            ["status"],
            registry=registry,
        )
        self.queue_batches = Gauge(
            "collector_queue_batches", "Batches waiting for the writer.", registry=registry
        )

    def _of_series(self, registry: CollectorRegistry) -> None:
        self.series = Gauge(
            "collector_series",
            "Series known of a bucket, see COLLECTOR_SERIES_MAX.",
            ["bucket"],
            registry=registry,
        )
        self.new_series = Gauge(
            "collector_new_series",
            "Series that came new in the running hour, see COLLECTOR_NEW_SERIES_PER_HOUR_MAX.",
            ["bucket"],
            registry=registry,
        )

"""Every metric of the scraper, once, with its meaning."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The scraper's metrics in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.readings = Counter(
            "scraper_readings", "Readings by what became of them.", ["outcome"], registry=registry
        )
        self.fetched = Counter(
            "scraper_records_fetched", "Records of the feed; the sum of all outcomes.", registry=registry
        )
        self.refused = Counter(
            "scraper_records_refused", "Records set aside, by reason.", ["reason"], registry=registry
        )
        self.polls = Counter(
            "scraper_polls",
            "Polls by result: done, unchanged, failed, left_to_another.",
            ["result"],
            registry=registry,
        )
        self.payload_bytes = Counter(
            "scraper_payload_bytes", "Bytes of the feed that were read, unpacked.", registry=registry
        )
        self.unremembered_polls = Counter(
            "scraper_unremembered_polls", "Polls that Redis could not remember at once.", registry=registry
        )
        self.sensor_changes = Counter(
            "scraper_sensor_changes",
            "What was told of sensors: new, moved, retyped, silent, back.",
            ["change"],
            registry=registry,
        )
        self.sensors = Gauge(
            "scraper_sensors",
            "Sensors that are known, by state: sending, silent.",
            ["state"],
            registry=registry,
        )
        self.refinements = Counter(
            "scraper_place_refinements",
            "Places asked for online: refined, unknown there, failed and to be asked again, dropped unasked.",
            ["outcome"],
            registry=registry,
        )
        self.places_waiting = Gauge(
            "scraper_places_waiting", "Positions that wait for their refinement.", registry=registry
        )
        self.fallbacks = Counter(
            "scraper_fallback_requests",
            "Requests to another address, for the feed failed.",
            ["origin"],
            registry=registry,
        )
        self.lost_leases = Counter(
            "scraper_lost_leases", "Leases that ended before their poll did.", registry=registry
        )
        self.poll_seconds = Histogram("scraper_poll_seconds", "Duration of a poll.", registry=registry)
        self.last_poll_at_s = Gauge(
            "scraper_last_poll_timestamp_seconds",
            "Unix time of the last poll that worked.",
            registry=registry,
        )

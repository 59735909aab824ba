"""Every metric of the scraper, once, with its meaning."""

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The scraper's metrics in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        self.readings = counter("scraper_readings", "Readings by what became of them.", ["outcome"])
        self.fetched = counter("scraper_records_fetched", "Records of the feed; the sum of all outcomes.")
        self.refused = counter("scraper_records_refused", "Records set aside, by reason.", ["reason"])
        self.polls = counter(
            "scraper_polls", "Polls by result: done, unchanged, failed, left_to_another.", ["result"]
        )
        self.payload_bytes = counter("scraper_payload_bytes", "Bytes of the feed that were read, unpacked.")
        self.unremembered_polls = counter(
            "scraper_unremembered_polls", "Polls that Redis could not remember at once."
        )
        self.sensor_changes = counter(
            "scraper_sensor_changes",
            "What was told of sensors: new, moved, retyped, silent, back.",
            ["change"],
        )
        self.sensors = gauge(
            "scraper_sensors", "Sensors that are known, by state: sending, silent.", ["state"]
        )
        self.refinements = counter(
            "scraper_place_refinements",
            "Places asked for online: refined, unknown there, failed and to be asked again, dropped unasked.",
            ["outcome"],
        )
        self.places_waiting = gauge("scraper_places_waiting", "Positions that wait for their refinement.")
        self.fallbacks = counter(
            "scraper_fallback_requests", "Requests to another address, for the feed failed.", ["origin"]
        )
        self.lost_leases = counter("scraper_lost_leases", "Leases that ended before their poll did.")
        self.poll_seconds = Histogram("scraper_poll_seconds", "Duration of a poll.", registry=registry)
        self.last_poll_at_s = gauge(
            "scraper_last_poll_timestamp_seconds", "Unix time of the last poll that worked."
        )

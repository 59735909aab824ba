"""The rooms' own metrics, served as their processes serve them, and a real Prometheus that asks for them.

Flink's are lines of its own reporter (flink_metrics.txt), for a running job takes half a minute to start.
"""

import threading
import time
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

from prometheus_client import CollectorRegistry, ProcessCollector

import app_predict.metrics
import collector.metrics
import scraper.metrics
from contracts.forecasts import HORIZON_GROUPS, ForecastSkill, Method
from contracts.stored import BUCKETS
from dashboards.preview.expansion import Span
from local_stack.single import running_prometheus
from luftstrom.reconciliation import Door, Reconciliation
from luftstrom.reconciliation_metrics import of_whole, of_windows
from runtime.health import Health, serving_health
from tests.dashboards.small_network import CHAMPIONS, FORECAST_MEASURES

FLINK_METRICS = Path(__file__).parent / "flink_metrics.txt"
GROW_EVERY_S = 0.2
JOBS = 6


def reconciliation():
    """One that closes."""
    door = Door(
        fetched=9000, published=4000, repeated=4990, refused=10, values_published=9500, values_ignored=100
    )  # fmt: skip
    return Reconciliation(door, {"pm10": 9395}, {"unknown_measure": 5})


def a_skill(measure, group):
    """One scored hour."""
    return ForecastSkill(
        measure=measure, method=Method.RNN, horizon_group=group, valid_at_s=0, model="m", count=9, mae=1.0,
        bias=0.1, wql=0.2, mase=0.7, coverage_80=0.8,
        skill_blend=0.1, skill_naive=0.2, skill_seasonal_naive=0.3,
    )  # fmt: skip


class Rooms:
    """A registry of each room, and numbers that grow as if the pipeline ran."""

    def __init__(self):
        self.registries = {name: CollectorRegistry() for name in ("scraper", "collector", "app-predict")}
        self.scraper = scraper.metrics.Metrics(self.registries["scraper"])
        self.collector = collector.metrics.Metrics(self.registries["collector"])
        self.predictor = app_predict.metrics.Metrics(self.registries["app-predict"])
        self.registries["reconcile"] = of_whole(reconciliation())
        self._stand()

    def _stand(self):
        self.scraper.sensors.labels("sending").set(41)
        self.scraper.sensors.labels("silent").set(3)
        for bucket in BUCKETS:
            self.collector.series.labels(bucket.name).set(120)
            self.collector.new_series.labels(bucket.name).set(2)
        for number, measure in enumerate(FORECAST_MEASURES):
            self.predictor.issued_at_s.labels(measure).set(time.time() // 3600 * 3600)
            self.predictor.champion.labels(measure, CHAMPIONS[1]).set(1)
            self.predictor.is_demoted.labels(measure).set(number == 0)
            self.predictor.below_blend_h.labels(measure).set(number)
            self.predictor.skill_24h.labels(measure).set(0.02 * number)
            self.predictor.missing.labels(measure).set(0.1)
            self.predictor.out_of_domain.labels(measure).set(0.05)
            for group in HORIZON_GROUPS:
                self.predictor.band_factor.labels(measure, group).set(1.1)
                self.predictor.show_skill(a_skill(measure, group))

    def grow(self):
        """A little more of everything."""
        now_s = time.time()
        self.scraper.last_poll_at_s.set(now_s)
        self.scraper.polls.labels("done").inc()
        self.scraper.fetched.inc(90)
        self.scraper.refused.labels("not_a_reading").inc()
        self.scraper.unremembered_polls.inc()
        for outcome in ("published", "repeated"):
            self.scraper.readings.labels(outcome).inc(40)
        self.collector.lag_seconds.set(2)
        self.collector.lag_records.set(30)
        self.collector.records_consumed.inc(100)
        self.collector.messages_set_aside.labels("unknown_measure").inc()
        self.collector.value_age.observe([int(now_s) - 40, int(now_s) - 200], now_s=now_s)
        for status in ("204", "503"):
            self.collector.writes.labels(status).inc()
        for bucket in BUCKETS:
            self.collector.points_written.labels(bucket.name).inc(50)
        self.predictor.load_failures.labels("pm10").inc()


@contextmanager
def asked_by_prometheus(influx, folder, *, rules=None):
    """A Prometheus that asks all rooms, Flink's lines and the real InfluxDB; its URL."""
    rooms, stopping = Rooms(), threading.Event()
    with ExitStack() as stack:
        targets = {
            "influxdb": urlparse(influx.url).netloc,
            "flink-jobs": stack.enter_context(_serving(FLINK_METRICS)),
        }
        for name, registry in rooms.registries.items():
            port = stack.enter_context(serving_health(Health(), registry, port=0))
            targets[name] = f"127.0.0.1:{port}"
        thread = threading.Thread(target=_growing, args=(rooms, stopping))
        thread.start()
        stack.callback(thread.join)
        stack.callback(stopping.set)
        yield stack.enter_context(running_prometheus(folder, targets, rules=rules))


def has_answers(servers):
    """Whether every job was asked three times: a rate needs two points before the present second."""
    now_s = int(time.time())
    asked = servers.promql("count_over_time(up[5m]) >= 3", Span(now_s, now_s, 1), is_instant=True)
    return len(asked) == JOBS


def names_of_rooms():
    """Every name that the rooms' registries serve, and those of a process."""
    rooms, of_process = Rooms(), CollectorRegistry()
    rooms.grow()
    ProcessCollector(registry=of_process)
    registries = [*rooms.registries.values(), of_windows([]), of_process]
    return {sample.name for each in registries for family in each.collect() for sample in family.samples}


def _growing(rooms, stopping):
    while not stopping.wait(GROW_EVERY_S):
        rooms.grow()


@contextmanager
def _serving(path):
    body = path.read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

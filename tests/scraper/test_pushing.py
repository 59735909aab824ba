"""The metrics of a single poll, against a server that speaks the Pushgateway's PUT."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from runtime.settings import SettingsError, read_settings
from scraper.metrics import Metrics
from scraper.pushing import push_metrics
from scraper.settings import Settings
from tests.scraper.feed import a_record, payload_of
from tests.scraper.http_feed import serving_feed
from tests.scraper.processes import once

PATH = "/metrics/job/scraper/instance/a-name"


class Gateway:
    """What was put under which path; the last one wins, as there."""

    def __init__(self):
        self.status, self.body_by_path = 200, {}
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                gateway.body_by_path[self.path] = body.decode()
                self.send_response(gateway.status)
                self.end_headers()

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def sample(self, name, **labels):
        """A value that was put; None where there is none."""
        for family in text_string_to_metric_families(self.body_by_path[PATH]):
            for sample in family.samples:
                if (sample.name, sample.labels) == (name, labels):
                    return sample.value
        return None


@pytest.fixture
def gateway():
    gateway = Gateway()
    thread = threading.Thread(target=gateway.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield gateway
    gateway.server.shutdown()
    gateway.server.server_close()
    thread.join()


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def metrics(registry):
    return Metrics(registry)


def pushed_events(url, registry):
    with capture_logs() as events:
        push_metrics(url, registry, instance="a-name", timeout_s=0.2)
    return [event["event"] for event in events]


@pytest.mark.parametrize("end", ["", "/"])
def test_metrics_are_put_under_job_and_instance(gateway, registry, metrics, end):
    metrics.readings.labels("published").inc(3)

    assert pushed_events(gateway.url + end, registry) == []
    assert list(gateway.body_by_path) == [PATH]
    assert gateway.sample("scraper_readings_total", outcome="published") == 3.0


def test_the_next_push_of_the_same_instance_takes_the_place_of_the_last(gateway, registry, metrics):
    push_metrics(gateway.url, registry, instance="a-name")
    metrics.fetched.inc(2)
    push_metrics(gateway.url, registry, instance="a-name")

    assert len(gateway.body_by_path) == 1
    assert gateway.sample("scraper_records_fetched_total") == 2.0


def test_a_gateway_that_refuses_is_told_of_and_no_more(gateway, registry):
    gateway.status = 500

    assert pushed_events(gateway.url, registry) == ["metrics_not_pushed"]


def test_a_gateway_that_is_not_there_is_told_of_and_no_more(registry):
    assert pushed_events("http://127.0.0.1:1", registry) == ["metrics_not_pushed"]


def test_a_gateway_that_does_not_answer_is_not_waited_for(registry):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"

        assert pushed_events(url, registry) == ["metrics_not_pushed"]


def test_a_gateway_that_speaks_no_http_is_told_of_and_no_more(registry):
    with socket.create_server(("127.0.0.1", 0)) as odd:

        def answer():
            connection, _ = odd.accept()
            connection.recv(65_536)
            connection.sendall(b"220 mail.example.org ESMTP\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        events = pushed_events(f"http://127.0.0.1:{odd.getsockname()[1]}", registry)
        thread.join()

    assert events == ["metrics_not_pushed"]


@pytest.mark.parametrize("url", ["gateway:9091", "ftp://gateway", "http://"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(SettingsError, match="SCRAPER_PUSHGATEWAY_URL is wrong"):
        read_settings(
            Settings, kafka_bootstrap_servers="x", redis_url="x", source_url="http://127.0.0.1:1/",
            pushgateway_url=url,
        )  # fmt: skip


@pytest.fixture
def a_poll(environment, gateway):
    """Exit code and log events of one poll of three records, one of them new twice and one broken."""
    given = {"SCRAPER_PUSHGATEWAY_URL": gateway.url, "SCRAPER_INSTANCE": "a-name"}

    def poll(**changes):
        with serving_feed() as feed:
            feed.body = payload_of(a_record(1), a_record(1), a_record(2), {"bad": 1})
            return once({**environment, **given, "SCRAPER_SOURCE_URL": feed.url, **changes})

    return poll


@pytest.mark.integration
def test_a_single_poll_pushes_what_its_summary_says(a_poll, gateway):
    code, events = a_poll()
    (summary,) = [event for event in events if event["event"] == "poll_done"]

    assert code == 0
    assert gateway.sample("scraper_records_fetched_total") == summary["fetched"] == 4
    for outcome, count in {"published": 2, "repeated": 1, "refused": 1, "left_out": 0}.items():
        assert gateway.sample("scraper_readings_total", outcome=outcome) == summary[outcome] == count
    refused = gateway.sample("scraper_records_refused_total", reason="not_a_reading")
    assert refused == summary["refused_not_a_reading"] == 1
    assert gateway.sample("scraper_payload_bytes_total") == summary["bytes"] > 0
    assert gateway.sample("scraper_poll_seconds_sum") == pytest.approx(summary["seconds"], abs=0.01)
    assert gateway.sample("scraper_polls_total", result="done") == 1


@pytest.mark.integration
def test_a_single_poll_that_failed_pushes_that(a_poll, gateway):
    code, _ = a_poll(SCRAPER_SOURCE_URL="http://127.0.0.1:1/data.json")

    assert code == 1
    assert gateway.sample("scraper_polls_total", result="failed") == 1


@pytest.mark.integration
def test_a_push_that_fails_does_not_make_the_poll_fail(a_poll):
    code, events = a_poll(SCRAPER_PUSHGATEWAY_URL="http://127.0.0.1:1")

    assert code == 0
    assert [event["event"] for event in events][-2:] == ["poll_done", "metrics_not_pushed"]

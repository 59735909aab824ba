"""`luftstrom places` on a real Valkey: warm fills it, stats counts, purge empties."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from typer.testing import CliRunner

from collector.bootstrap import READER_TOKEN
from local_stack import stack
from luftstrom.__main__ import app
from runtime.redis_client import connect_redis
from tests.scraper.feed import a_record, payload_of

pytestmark = pytest.mark.integration

POSITIONS_OF_THE_RECORDING = 23


@pytest.fixture(autouse=True)
def running_stack(tmp_path, monkeypatch, valkey):
    """What the commands ask of a stack: its Redis; nothing else of it is started."""
    client = connect_redis(valkey.url)
    client.flushall()
    client.close()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / READER_TOKEN).write_text("a token")
    monkeypatch.setenv("LOCAL_STACK_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LOCAL_STACK_REDIS_URL", valkey.url)
    monkeypatch.setattr(stack, "is_running", lambda _settings: True)


@pytest.fixture
def feed(monkeypatch):
    """A live feed of two positions."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            elsewhere = {"latitude": "48.78", "longitude": "9.18"}
            body = payload_of(a_record(1), a_record(2), a_record(3, location=elsewhere))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    monkeypatch.setenv("SCRAPER_SOURCE_URL", f"http://127.0.0.1:{server.server_address[1]}/data.json")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def shown(*arguments):
    result = CliRunner().invoke(app, ["places", *arguments], env={"COLUMNS": "300"})
    assert result.exit_code == 0, result.output
    return result.output.splitlines()[-1]


def test_warm_takes_the_feed_that_the_stack_reads(feed):
    assert shown("warm") == "2 positions: 2 places are new, 0 were kept before"
    assert shown("warm") == "2 positions: 0 places are new, 2 were kept before"
    assert shown("stats") == "2 places kept"
    assert shown("purge") == "2 places forgotten"
    assert shown("stats") == "0 places kept"


def test_warm_takes_a_recording_by_its_name():
    assert shown("warm", "aberdeen-2019-05-12").startswith(f"{POSITIONS_OF_THE_RECORDING} positions: ")


def test_warm_takes_a_feed_that_was_saved(tmp_path):
    path = tmp_path / "data.json"
    path.write_bytes(payload_of(a_record(1)))

    assert shown("warm", str(path)) == "1 positions: 1 places are new, 0 were kept before"


def test_the_live_network_without_a_contact_is_not_asked(monkeypatch):
    monkeypatch.delenv("SCRAPER_CONTACT", raising=False)
    monkeypatch.delenv("SCRAPER_SOURCE_URL", raising=False)
    result = CliRunner().invoke(app, ["places", "warm"])

    assert "SCRAPER_CONTACT" in str(result.exception)


def test_a_feed_that_is_not_there_is_refused_with_what_may_be_named():
    result = CliRunner().invoke(app, ["places", "warm", "atlantis"])

    assert "aberdeen-2019-05-12" in str(result.exception)

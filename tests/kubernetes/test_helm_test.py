"""What `helm test` runs, run here against a server that answers as told."""

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.kubernetes.rendering import CHART

pytestmark = pytest.mark.kubernetes


@contextmanager
def answering(*answers):
    """A server that gives these answers (status, body), the last for ever: its address, what was asked."""
    left, asked = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            status, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def run(name, **environment):
    command = [sys.executable, str(CHART / "files" / "tests" / f"{name}.py")]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_every_address_is_asked_until_it_is_well():
    with answering((503, b"not yet"), (200, b"")) as (slow, _), answering((200, b"")) as (quick, _):
        ended = run("ready", READY_URLS=f"{slow}/readyz,{quick}/health")

    assert ended.returncode == 0
    assert ended.stdout.splitlines() == [f"{quick}/health: well", f"{slow}/readyz: well"]


def test_an_address_that_is_never_well_is_told_with_what_it_said():
    with answering((503, b"no InfluxDB")) as (url, _):
        ended = run("ready", READY_URLS=f"{url}/readyz", READY_LIMIT_S="0")

    assert ended.returncode == 1
    assert "503 b'no InfluxDB'" in ended.stdout


def test_air_that_arrives_is_counted():
    with answering((503, b""), (200, json.dumps([{}, {}]).encode())) as (url, asked):
        ended = run("arriving", ARRIVING_URL=url, ARRIVING_AGE_S="900")

    assert ended.returncode == 0
    assert ended.stdout == "2 stations sent within 900 s\n"
    assert asked[-1] == "/api/stations?within_s=900"


def test_air_that_does_not_arrive_fails_the_test():
    with answering((200, b"[]")) as (url, _):
        ended = run("arriving", ARRIVING_URL=url, ARRIVING_AGE_S="900", ARRIVING_LIMIT_S="1")

    assert ended.returncode == 1
    assert "no station within 1 s" in ended.stdout

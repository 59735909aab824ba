"""The process itself: it serves, says that it is ready, and leaves when told."""

import os
import signal
import socket
import subprocess
import sys

import pytest
import requests

from local_stack.ports import free_ports
from tests.collector.collector_process import LIMIT_S, ROOT, wait_until

pytestmark = pytest.mark.integration


def answers(url):
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def started(influx, folder, port, metrics_port):
    token_file = folder / "token"
    token_file.write_text(influx.read_token)
    environment = {
        "LIVE_PAGE_INFLUX_URL": influx.url,
        "LIVE_PAGE_INFLUX_TOKEN_FILE": str(token_file),
        "LIVE_PAGE_PORT": str(port),
        "LIVE_PAGE_METRICS_PORT": str(metrics_port),
    }
    command = [sys.executable, "-m", "live_page"]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment})


def test_it_serves_until_told_to_stop(influx, tmp_path):
    port, metrics_port = free_ports(2)
    process = started(influx, tmp_path, port, metrics_port)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{metrics_port}/readyz"))
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/api/stations"))
        process.send_signal(signal.SIGTERM)

        assert process.wait(LIMIT_S) == 0
    finally:
        process.kill()
        process.wait(LIMIT_S)


def test_a_taken_port_ends_it(influx, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = started(influx, tmp_path, taken.getsockname()[1], 0)
        try:
            assert process.wait(LIMIT_S) == 1
        finally:
            process.kill()
            process.wait(LIMIT_S)

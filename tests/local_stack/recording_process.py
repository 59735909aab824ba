"""A recording server as a process, and what a client asks of it."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

RECORDINGS = Path(__file__).parents[2] / "local_stack" / "recordings"
MAY = RECORDINGS / "aberdeen-2019-05-12.jsonl.xz"
LIMIT_S = 30


class Server:
    def __init__(self, port: int, process: subprocess.Popen) -> None:
        self.process = process
        self.base = f"http://127.0.0.1:{port}"
        self.port = port
        self.session = requests.Session()

    def poll(self, **headers: str) -> requests.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.session.get(f"{self.base}/static/v1/data.json", headers=named, timeout=LIMIT_S)

    def inject(self, body: bytes, query: str = "") -> requests.Response:
        return self.session.post(f"{self.base}/recording/inject{query}", data=body, timeout=LIMIT_S)

    def state(self) -> dict:
        return self.session.get(f"{self.base}/recording/state", timeout=LIMIT_S).json()


@contextmanager
def serving(*options: object, recording: object = MAY.name.removesuffix(".jsonl.xz")) -> Iterator[Server]:
    port = a_free_port()
    process = subprocess.Popen([
        sys.executable, "-m", "local_stack.recording_server",
        "--recording", str(recording), "--port", str(port), *map(str, options),
    ], stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        wait_until_ready(port, process)
        yield Server(port, process)
    finally:
        process.kill()
        process.wait()


def a_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until_ready(port: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server has ended"
        try:
            requests.get(f"http://127.0.0.1:{port}/readyz", timeout=LIMIT_S)
        except requests.ConnectionError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("the server is not ready")

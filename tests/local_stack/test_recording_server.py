import gzip
import http.client
import json
import lzma
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

pytestmark = pytest.mark.integration

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


@pytest.fixture(scope="module")
def standing() -> Iterator[Server]:
    """A server whose window is full and whose minute does not change while the tests run."""
    with serving("--starts-at", int(time.time()) - 3605) as server:
        yield server


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The first three hours of May."""
    path = tmp_path / "small.jsonl"
    lines = lzma.decompress(MAY.read_bytes()).splitlines(keepends=True)
    path.write_bytes(
        b"".join(line for line in lines if b'"timestamp":"2019-05-12 0' in line[:80])[:1_200_000]
    )
    path.write_bytes(path.read_bytes().rpartition(b"\n")[0] + b"\n")
    return path


def ids_in(path: Path) -> set[int]:
    raw = path.read_bytes()
    return {
        json.loads(line)["id"]
        for line in (lzma.decompress(raw) if path.suffix == ".xz" else raw).splitlines()
    }


def test_a_poll_gives_the_last_five_minutes_of_the_clock(standing):
    answer = standing.poll()

    newest = max(record["timestamp"] for record in answer.json())
    assert answer.headers["Content-Type"] == "application/json"
    assert len(answer.json()) > 50
    assert newest <= time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    assert newest >= time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - 120))


@pytest.mark.parametrize(
    ("header", "condition"), [("ETag", "If_None_Match"), ("Last-Modified", "If_Modified_Since")]
)
def test_an_unchanged_list_is_304_without_a_body(standing, header, condition):
    first = standing.poll()
    again = standing.poll(**{condition: first.headers[header]})

    assert (again.status_code, again.content) == (304, b"")


def test_gzip_is_sent_only_to_who_accepts_it(standing):
    plain = standing.poll(Accept_Encoding="identity")
    packed = standing.session.get(
        f"{standing.base}/static/v1/data.json",
        headers={"Accept-Encoding": "gzip"},
        stream=True,
        timeout=LIMIT_S,
    )

    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.raw.read()) == plain.content


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_does_not_say_who_asks_is_refused(standing, method):
    connection = http.client.HTTPConnection("127.0.0.1", standing.port, timeout=LIMIT_S)
    connection.request(method, "/static/v1/data.json")

    assert connection.getresponse().status == 403


def test_another_path_is_404_and_head_has_no_body(standing):
    assert standing.session.get(f"{standing.base}/static/v2/data.json", timeout=LIMIT_S).status_code == 404
    head = standing.session.head(f"{standing.base}/static/v1/data.json", timeout=LIMIT_S)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["Content-Length"]) > 0


def test_consecutive_polls_overlap():
    with serving("--advance-per-fetch", 60) as server:
        lists = [{record["id"] for record in server.poll().json()} for _ in range(8)]

    assert len(lists[6] & lists[7]) > len(lists[7]) / 2
    assert lists[7] - lists[6]


def test_stepping_through_serves_exactly_the_ids_of_the_file(small):
    with serving("--advance-per-fetch", 150, "--once", recording=small) as server:
        seen: set[int] = set()
        for _ in range(1000):
            seen |= {record["id"] for record in server.poll().json()}
            if server.state()["finished"]:
                break

    assert seen == ids_in(small)
    assert len(seen) > 1000


def test_stepping_through_the_three_days_serves_exactly_the_ids_of_the_file():
    with serving("--advance-per-fetch", 300, "--once") as server:
        seen: set[int] = set()
        while not server.state()["finished"]:
            seen |= {record["id"] for record in server.poll().json()}

    assert seen == ids_in(MAY)


def test_the_next_answers_hold_the_injected_elements(standing):
    before = standing.poll().json()
    standing.inject(b'{"id": "broken"', "?count=2")
    standing.inject(b"7")

    first, second, third = standing.poll(), standing.poll(), standing.poll()

    assert first.content.endswith(b',{"id": "broken",7]')
    assert second.content.endswith(b',{"id": "broken"]')
    assert {record["id"] for record in third.json()} & {record["id"] for record in before}


def test_an_injected_answer_is_given_even_to_who_knows_the_minute(standing):
    etag = standing.poll().headers["ETag"]
    standing.inject(b'"extra"')

    answer = standing.poll(If_None_Match=etag)

    assert answer.json()[-1] == "extra"
    assert "ETag" not in answer.headers


def test_a_replaced_answer_is_the_given_bytes_and_does_not_move_the_clock(small):
    with serving("--advance-per-fetch", 300, recording=small) as server:
        server.poll()
        clock = server.state()["clock"]
        server.inject(b'[{"id": 1', "?mode=replace")

        assert server.poll().content == b'[{"id": 1'
        assert server.state()["clock"] == clock
        assert server.poll().json()


@pytest.mark.parametrize("query", ["?mode=other", "?count=0", "?count=x"])
def test_a_wrong_injection_is_refused(standing, query):
    assert standing.inject(b"1", query).status_code == 400


def test_the_position_survives_a_kill(small, tmp_path):
    clock_file = tmp_path / "clock.json"
    options = ("--advance-per-fetch", 240, "--once", "--clock-file", clock_file)
    seen: set[int] = set()
    with serving(*options, recording=small) as server:
        for _ in range(10):
            seen |= {record["id"] for record in server.poll().json()}
        before = server.state()
    with serving(*options, recording=small) as server:
        after = server.state()
        while not server.state()["finished"]:
            seen |= {record["id"] for record in server.poll().json()}

    assert (before["clock"], before["starts_at"]) == (after["clock"], after["starts_at"])
    assert seen == ids_in(small)


def test_it_stops_at_once_when_asked_with_a_connection_open():
    with serving() as server:
        server.poll()
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)

        assert server.process.wait(LIMIT_S) == 0
        assert time.monotonic() - begun < 1


def test_it_stays_small():
    with serving() as server:
        server.poll()
        assert psutil.Process(server.process.pid).memory_full_info().pss < 90e6


def test_a_busy_port_is_named_with_the_option(standing):
    ended = run("--recording", "aberdeen-2019-05-12", "--port", standing.port)

    assert ended.returncode == 2
    assert f":{standing.port} " in ended.stderr
    assert "--port" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_damaged_recording_is_named(tmp_path):
    path = tmp_path / "damaged.jsonl.xz"
    path.write_bytes(MAY.read_bytes()[:5000])

    ended = run("--recording", path, "--port", a_free_port())

    assert ended.returncode == 2
    assert str(path) in ended.stderr


def run(*options: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "local_stack.recording_server", *map(str, options)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=LIMIT_S, env=dict(os.environ)
    )

import gzip
import http.client
import json
import lzma
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.local_stack.recording_process import LIMIT_S, MAY, Server, a_free_port, serving

pytestmark = pytest.mark.integration


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


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?mode=other", "mode is one of inject, replace, truncated"),
        ("?mode=200", "a status from 300 to 599"),
        ("?count=0", "count is 1 to"),
        ("?count=x", "count is 1 to"),
        ("?mode=slow", "seconds is 0 to 3600"),
        ("?mode=slow&seconds=nan", "seconds is 0 to 3600"),
        ("?mode=clock-jump&seconds=1e9", "seconds is -864000 to 864000"),
    ],
)
def test_a_wrong_fault_is_refused_with_what_may_be_asked_for(standing, query, told):
    refused = standing.inject(b"1", query)

    assert refused.status_code == 400
    assert told in refused.text


def test_an_element_of_no_bytes_is_refused(standing):
    assert standing.inject(b"").status_code == 400


@pytest.mark.parametrize("status", [304, 404, 500, 503])
def test_a_status_stands_for_the_list_as_often_as_asked(standing, status):
    standing.inject(b"", f"?mode={status}&count=2")

    assert [standing.poll().status_code for _ in range(3)] == [status, status, 200]


def test_a_status_can_ask_for_a_pause(standing):
    standing.inject(b"", "?mode=429&seconds=90")

    assert standing.poll().headers["Retry-After"] == "90"


def test_a_slow_answer_is_the_list_later(standing):
    sound = standing.poll().content
    standing.inject(b"", "?mode=slow&seconds=0.4")
    begun = time.monotonic()

    assert standing.poll().content == sound
    assert time.monotonic() - begun >= 0.4


def test_a_client_without_patience_gives_a_slow_answer_up(standing):
    standing.inject(b"", "?mode=slow&seconds=2")

    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{standing.base}/static/v1/data.json", timeout=0.2)
    assert standing.poll().ok


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_truncated_answer_is_the_beginning_of_the_list_and_ends_within_a_record(standing, coding):
    sound = standing.poll().content
    standing.inject(b"", "?mode=truncated")

    cut = standing.poll(Accept_Encoding=coding)

    whole, _, rest = cut.content.rpartition(b',{"id"')
    assert sound.startswith(cut.content)
    assert 0.4 * len(sound) < len(cut.content) < 0.6 * len(sound)
    assert json.loads(whole + b"]")
    assert rest
    assert "ETag" not in cut.headers


def test_an_empty_answer_is_a_list_of_nothing(standing):
    standing.inject(b"", "?mode=empty")

    assert standing.poll().json() == []


def test_garbage_follows_the_whole_list(standing):
    sound = standing.poll().content
    standing.inject(b"", "?mode=garbage")

    spoiled = standing.poll().content

    assert spoiled.startswith(sound)
    assert len(spoiled) > len(sound)
    with pytest.raises(ValueError, match="Extra data"):
        json.loads(spoiled)


def test_duplicates_are_each_record_twice(standing):
    sound = standing.poll().json()
    standing.inject(b"", "?mode=duplicates")

    assert standing.poll().json() == sound + sound


@pytest.mark.parametrize("seconds", [-1200, 600])
def test_after_a_jump_of_the_clock_the_list_is_that_of_another_time(standing, seconds):
    now = {record["id"]: record["timestamp"] for record in standing.poll().json()}
    standing.inject(b"", f"?mode=clock-jump&seconds={seconds}")

    jumped = {record["id"]: record["timestamp"] for record in standing.poll().json()}

    assert not now.keys() & jumped.keys()
    assert (min(jumped.values()) > max(now.values())) == (seconds > 0)
    assert {record["id"] for record in standing.poll().json()} == now.keys()


@pytest.mark.parametrize(
    ("mode", "goes_on"),
    [
        ("slow&seconds=0.01", True), ("garbage", True), ("duplicates", True),
        ("404", False), ("304", False), ("truncated", False), ("empty", False),
        ("clock-jump&seconds=60", False),
    ],
)  # fmt: skip
def test_a_stepped_clock_waits_where_a_fault_keeps_records_back(small, mode, goes_on):
    with serving("--advance-per-fetch", 60, recording=small) as server:
        before = server.state()["clock"]
        server.inject(b"", f"?mode={mode}")
        server.poll()

        assert server.state()["clock"] == before + (60 if goes_on else 0)


def test_a_scaled_recording_shows_as_many_records_and_the_same_ones_after_a_kill():
    options = ("--network", 2000, "--starts-at", int(time.time()) - 3605)
    with serving(*options) as server:
        before = server.poll().json()
    with serving(*options) as server:
        after = server.poll().json()

    assert 1900 < len(before) < 2100
    assert {record["id"]: record for record in before} == {record["id"]: record for record in after}


def test_a_file_that_was_cut_short_is_served(tmp_path):
    path = tmp_path / "cut.jsonl.xz"
    path.write_bytes(MAY.read_bytes()[:5000])
    with serving("--advance-per-fetch", 300, "--once", recording=path) as server:
        assert 100 < server.state()["records_total"] < len(ids_in(MAY))


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
    path.write_bytes(MAY.read_bytes()[:5000] + bytes(5000))

    ended = run("--recording", path, "--port", a_free_port())

    assert ended.returncode == 2
    assert str(path) in ended.stderr


def run(*options: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "local_stack.recording_server", *map(str, options)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=LIMIT_S, env=dict(os.environ)
    )

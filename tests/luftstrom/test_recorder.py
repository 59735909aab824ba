"""`luftstrom record` on a recording server: what it saves is what was served, and it ends well."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import msgspec
import pytest

from local_stack.recordings import Recording
from tests.local_stack.recording_process import LIMIT_S, serving

pytestmark = pytest.mark.integration


@pytest.fixture
def path(tmp_path):
    return tmp_path / "air.jsonl.xz"


def command(path, *options):
    return [sys.executable, "-m", "luftstrom", "record", str(path), "--every", "0.05", *options]


def environment(server):
    return {**os.environ, "SCRAPER_SOURCE_URL": f"{server.base}/static/v1/data.json"}


@contextmanager
def recording(path, server, *options):
    """A recorder whose lines can be read; killed at the end where it has not ended."""
    with subprocess.Popen(
        command(path, *options), env=environment(server), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def recorded(path, server, *options):
    return subprocess.run(
        command(path, *options),
        env=environment(server),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def read_until(process, text, *, times):
    """Lines that say this, so many; the process is known to have said them."""
    lines = (line for line in process.stdout if text in line)
    return [next(lines) for _ in range(times)]


def ids_in(path):
    return [msgspec.json.decode(raw)["id"] for _, raw in Recording.load(path)]


def ids_of_may(state):
    """What was served so far, by the recording itself: everything up to the last answered minute."""
    may = Recording.load("aberdeen-2019-05-12")
    return [
        msgspec.json.decode(raw)["id"]
        for _, raw in may.between(0, may.first_s - 1 + int(state["position_s"]))
    ]


def test_everything_that_was_served_is_in_the_file_and_is_served_again(path):
    with serving("--advance-per-fetch", 120) as server, recording(path, server) as process:
        read_until(process, " recorded, ", times=20)
        process.send_signal(signal.SIGINT)
        last = process.stdout.read().splitlines()[-1]
        assert process.wait(LIMIT_S) == 0
        position_s = server.state()["position_s"]
        wanted = ids_of_may({"position_s": position_s - 120})

    assert sorted(ids_in(path)) == sorted(wanted)
    assert f"play it: luftstrom up --recording {path}" in last
    with serving("--advance-per-fetch", 300, "--once", recording=path) as server:
        seen = set()
        while not server.state()["finished"]:
            seen |= {record["id"] for record in server.poll().json()}
    assert seen == set(wanted)


def test_a_kill_leaves_a_file_that_the_next_one_goes_on_with(path):
    with serving("--advance-per-fetch", 60) as server:
        with recording(path, server) as process:
            read_until(process, " recorded, ", times=10)
            process.kill()
        before = ids_in(path)
        ended = recorded(path, server, "--for", "1")
        wanted = ids_of_may({"position_s": server.state()["position_s"] - 60})

    assert ended.returncode == 0
    assert f"going on with {path}: {len(before):,} records so far" in ended.stdout
    assert sorted(ids_in(path)) == sorted(wanted)
    assert len(wanted) > len(before) > 50


def test_faults_are_told_and_lose_nothing(path):
    with serving("--advance-per-fetch", 60) as server:
        for mode in ("404", "truncated", "304", "garbage", "empty", "500&seconds=1"):
            server.inject(b"", f"?mode={mode}")
        ended = recorded(path, server, "--for", "3s")
        wanted = ids_of_may({"position_s": server.state()["position_s"] - 60})

    assert ended.returncode == 0
    assert "data.json answered 404; asking again in 0.05 s" in ended.stdout
    assert "data.json answered 500; asking again in 1 s" in ended.stdout
    assert "nothing has changed" in ended.stdout
    assert sorted(ids_in(path)) == sorted(wanted)


def test_nothing_to_record_is_an_error_and_leaves_no_file(path):
    with serving("--advance-per-fetch", 60) as server:
        server.inject(b"", "?mode=404&count=1000")
        ended = recorded(path, server, "--for", "1")

    assert ended.returncode == 2
    assert "nothing to record came from http://" in ended.stderr
    assert not path.exists()

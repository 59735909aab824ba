"""The whole stack: up, watched, killed in parts, down; nothing of it is left behind.

The tests of one stack stand in the order of its life, and share it.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from contracts.errors import UnavailableError
from local_stack import stack
from local_stack.settings import Settings
from local_stack.supervision import Supervisor
from tests.end_to_end.playing_stack import (
    PORTS,
    RECORDING,
    a_settings,
    kill_process,
    processes_by_name,
    wait_until,
)
from tests.local_stack.small_programs import processes_marked

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parents[2]
NAMES = {"kafka", "influxd", "valkey", "recording", "flink", "collector", "predictor", "scraper", "page"}
DOWN_LIMIT_S = 20.0
# 25 s on a quiet machine (benchmarks/); tests share theirs.
UP_LIMIT_S = 60.0
BACK_LIMIT_S = 30.0
START_LIMIT_S = 180.0
# As in a terminal, whose Ctrl-C reaches all of its process group: here at the very line that is named, for on
# a busy machine whoever reads it may be told when all is long ready. A shell that runs us in the background
# makes us deaf to Ctrl-C, and children inherit that.
INTERRUPTED_AT_A_LINE = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
line, write = sys.argv.pop(1), sys.stdout.write

def written(text):
    count = write(text)
    if text.startswith(line):
        os.killpg(0, signal.SIGINT)
    return count

sys.stdout.write = written
from luftstrom.__main__ import main
main()
"""


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def settings(tmp_path_factory, told):
    """The settings of one stack that runs on a recording as the demo's does."""
    settings = a_settings(
        tmp_path_factory.mktemp("stack"),
        recording_advance_per_fetch_s=0,
        recording_once=False,
        recording_starts_at_s=None,
        poll_interval_s=5.0,
    )
    began_at_s = time.monotonic()
    stack.up(settings, told.append)
    told.append(time.monotonic() - began_at_s)
    try:
        yield settings
    finally:
        stack.down(settings, wipe=True)


def all_are_well(settings):
    return all(process.is_well for process in stack.status(settings))


def fetched_by(client):
    return int(client.hget("scraper:totals:live", "fetched") or 0)


def left_by(settings):
    """Commands of processes that still run, and the socket that is still there."""
    socket = Supervisor(settings).socket
    still = [each.cmdline() for each in processes_marked(settings.data_dir)]
    return [*still, *([socket] if socket.exists() else [])]


def test_up_starts_every_process_and_says_when_each_was_ready(settings, told):
    *lines, up_s = told

    assert up_s < UP_LIMIT_S
    assert {line.split()[0] for line in lines if " ready after " in line} == NAMES


def test_every_process_is_well_and_is_shown_with_port_memory_and_time(settings):
    rows = processes_by_name(settings)

    assert set(rows) == NAMES
    assert {row.name for row in rows.values() if not row.is_well or row.restarts} == set()
    assert rows["kafka"].port == settings.kafka_port
    assert all(row.pss_bytes > 1_000_000 for row in rows.values())
    assert all(0 < row.uptime_s < 600 for row in rows.values())


def test_a_second_up_on_the_same_folder_is_refused_and_disturbs_nothing(settings):
    pids = {row.name: row.pid for row in stack.status(settings)}
    with pytest.raises(UnavailableError, match=rf"runs already \(pid {Supervisor(settings).pid()}\)"):
        stack.up(settings, lambda _line: None)

    assert {row.name: row.pid for row in stack.status(settings)} == pids


def test_a_second_stack_on_the_same_ports_is_refused_with_every_port(settings, tmp_path):
    other = settings.model_copy(update={"data_dir": tmp_path / "data"})
    with pytest.raises(UnavailableError) as refused:
        stack.up(other, lambda _line: None)

    for name in PORTS:
        assert f"LOCAL_STACK_{name.upper()}" in str(refused.value)
    assert left_by(other) == []
    assert all_are_well(settings)


def test_valkey_comes_back_from_a_kill_with_what_it_knew(settings):
    client = redis.Redis.from_url(settings.redis_address)
    wait_until(lambda: fetched_by(client), limit_s=BACK_LIMIT_S)
    fetched = fetched_by(client)
    time.sleep(1.1)  # what it fsyncs each second is on the disk now
    kill_process(settings, "valkey")

    wait_until(lambda: processes_by_name(settings)["valkey"].restarts == 1, limit_s=BACK_LIMIT_S)
    wait_until(lambda: all_are_well(settings), limit_s=BACK_LIMIT_S)
    assert fetched_by(client) >= fetched
    client.close()


def test_the_next_up_replaces_what_a_killed_supervisor_left(settings):
    left = {row.pid for row in stack.status(settings)}
    os.kill(Supervisor(settings).pid(), signal.SIGKILL)
    wait_until(lambda: not stack.is_running(settings), limit_s=5.0)
    assert {each.pid for each in processes_marked(settings.data_dir)} >= left

    stack.up(settings, lambda _line: None)
    assert all_are_well(settings)
    assert not left & {row.pid for row in stack.status(settings)}


def test_down_takes_less_than_twenty_seconds_and_leaves_nothing(settings):
    began_at_s = time.monotonic()
    assert stack.down(settings)

    assert time.monotonic() - began_at_s < DOWN_LIMIT_S
    assert left_by(settings) == []
    assert stack.status(settings) == []


@pytest.fixture
def interrupted(tmp_path, line):
    """Settings, exit code and output of a `luftstrom up` that hears Ctrl-C at the line."""
    settings = a_settings(tmp_path / "data")
    environment = {
        **os.environ,
        "LOCAL_STACK_DATA_DIR": str(settings.data_dir),
        **{f"LOCAL_STACK_{name.upper()}": str(getattr(settings, name)) for name in PORTS},
    }
    command = [sys.executable, "-c", INTERRUPTED_AT_A_LINE, line, "up", "--recording", RECORDING]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, start_new_session=True, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=START_LIMIT_S,
        )  # fmt: skip
        yield settings, done.returncode, done.stdout
    finally:
        stack.down(settings)


@pytest.mark.parametrize("line", ["valkey", "flink"])
def test_ctrl_c_in_the_middle_of_the_start_leaves_nothing(interrupted, line):
    settings, exit_code, said = interrupted

    assert said.splitlines()[-1].startswith(line)
    assert exit_code not in (0, 2)
    assert left_by(settings) == []
    assert not stack.is_running(Settings(data_dir=settings.data_dir))

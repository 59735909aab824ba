"""Supervisord reads its configuration as we mean it, and what it left is told from what is not ours."""

import os
import shlex
import socket
import subprocess
import sys

import psutil
import pytest
from supervisor.options import ServerOptions

from local_stack.settings import Settings
from local_stack.stack import stop_leftovers
from local_stack.supervision import MARK, Supervisor, configuration, leftovers
from tests.local_stack.small_programs import a_program, pid_of, supervised, wait_until

ODD_TEXTS = ["50%", "%(here)s", 'a"b', "a'b", "a\\b", "a\\", "a b", "a,b", "a;b", "a#b", "$HOME", "ü", ""]


@pytest.fixture
def supervisor(tmp_path):
    supervisor = Supervisor(Settings(data_dir=tmp_path))
    supervisor.folder.mkdir()
    supervisor.settings.logs_dir.mkdir()
    return supervisor


def as_supervisord_reads(supervisor, *programs):
    conf = supervisor.folder / "supervisord.conf"
    conf.write_text(configuration(supervisor, programs))
    options = ServerOptions()
    options.realize(["-c", str(conf)])
    return options


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_any_argument_reaches_its_program_as_it_is(supervisor, text):
    options = as_supervisord_reads(supervisor, a_program("collector", text))
    (program,) = options.process_group_configs[0].process_configs

    assert shlex.split(program.command) == [sys.executable, "-c", text]


@pytest.mark.integration
def test_any_setting_reaches_its_program_as_it_is(tmp_path):
    environment = {f"SCRAPER_{number}": text for number, text in enumerate([*ODD_TEXTS, "a ; b # c", "a\nb"])}
    with supervised(tmp_path, a_program("scraper", environment=environment)) as (_, supervisor):
        given = psutil.Process(pid_of(supervisor, "scraper")).environ()

    assert {name: given[name] for name in environment} == environment


def test_only_the_owner_reaches_supervisord_and_no_port_is_open(supervisor):
    options = as_supervisord_reads(supervisor, a_program("collector"))
    (server,) = options.server_configs

    assert server["family"] == socket.AF_UNIX
    assert server["file"] == str(supervisor.socket)
    assert server["chmod"] == 0o700


def test_starts_are_counted_by_program_since_supervisord_was_started(supervisor):
    (supervisor.folder / "supervisord.log").write_text(
        "INFO supervisord started with pid 1\n"
        "INFO spawned: 'kafka' with pid 2\n"
        "INFO supervisord started with pid 3\n"
        "INFO spawned: 'kafka' with pid 4\n"
        "WARN exited: kafka (terminated by SIGKILL; not expected)\n"
        "INFO spawned: 'kafka' with pid 5\n"
        "INFO spawned: 'valkey' with pid 6\n"
    )

    assert supervisor.starts_by_program() == {"kafka": 2, "valkey": 1}


def test_before_the_first_start_nothing_was_counted(supervisor):
    assert supervisor.starts_by_program() == {}
    assert supervisor.programs() == {}


@pytest.fixture
def sleeping():
    """Starts a sleeper with this mark, or without one."""
    processes = []

    def start(mark=None):
        environment = {**os.environ, **({} if mark is None else {MARK: str(mark)})}
        process = subprocess.Popen(["sleep", "60"], env=environment)
        processes.append(process)
        wait_until(lambda: psutil.Process(process.pid).name() == "sleep")
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_a_process_with_the_mark_of_this_folder_is_a_leftover_and_no_other_is(tmp_path, sleeping):
    ours = sleeping(mark=tmp_path)
    sleeping()
    sleeping(mark=tmp_path / "another")

    assert [process.pid for process in leftovers(Settings(data_dir=tmp_path))] == [ours.pid]


def test_a_leftover_is_stopped_and_counted_and_others_live_on(tmp_path, sleeping):
    ours, other = sleeping(mark=tmp_path), sleeping(mark=tmp_path / "another")

    assert stop_leftovers(Settings(data_dir=tmp_path)) == 1
    assert ours.poll() is not None
    assert other.poll() is None


def test_nothing_left_is_nothing_stopped(tmp_path):
    assert stop_leftovers(Settings(data_dir=tmp_path)) == 0

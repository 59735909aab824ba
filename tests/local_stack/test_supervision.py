"""A real supervisord keeps the processes: it restarts, stops, and what it leaves behind is found."""

import os
import signal
import stat
import time
from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest
from supervisor.states import ProcessStates

from contracts.errors import UnavailableError
from local_stack import stack
from local_stack.settings import Settings
from local_stack.supervision import Supervisor, configuration
from local_stack.supervisord import PatientProcess
from tests.local_stack.small_programs import (
    BEGINS_ANOTHER_AT_ITS_END,
    ENDS_AT_ONCE,
    IGNORES_TERM,
    a_program,
    catches_sigterm,
    pid_of,
    processes_marked,
    supervised,
    wait_until,
)

pytestmark = pytest.mark.integration


def never_ready():
    raise UnavailableError("it does not answer")


def test_a_killed_process_is_back_within_two_seconds(tmp_path):
    with supervised(tmp_path, a_program("collector")) as (_, supervisor):
        wait_until(lambda: supervisor.programs()["collector"]["statename"] == "RUNNING")
        before = pid_of(supervisor, "collector")
        os.kill(before, signal.SIGKILL)

        wait_until(lambda: pid_of(supervisor, "collector") not in (0, before), limit_s=2.0)


def test_a_restart_is_counted_and_shown(tmp_path):
    with supervised(tmp_path, a_program("collector")) as (settings, supervisor):
        wait_until(lambda: supervisor.programs()["collector"]["statename"] == "RUNNING")
        os.kill(pid_of(supervisor, "collector"), signal.SIGKILL)

        wait_until(lambda: stack.status(settings)[0].restarts == 1)


def test_a_process_that_ends_at_once_is_tried_again_and_never_given_up(tmp_path):
    with supervised(tmp_path) as (_, supervisor):
        supervisor.shutdown(limit_s=5.0)
        supervisor.start([a_program("collector", ENDS_AT_ONCE)])
        supervisor.start_program("collector")

        wait_until(lambda: supervisor.starts_by_program().get("collector", 0) >= 3)
        assert supervisor.programs()["collector"]["statename"] != "FATAL"


def test_a_process_that_only_a_person_can_help_is_not_tried_again_and_ends_the_wait(tmp_path):
    says_why = "import os, time; print('Error: `luftstrom upgrade`', flush=True); time.sleep(3); os._exit(78)"
    program = replace(a_program("flink", says_why), require_ready=never_ready)
    with supervised(tmp_path, program) as (_, supervisor):
        with pytest.raises(UnavailableError, match="it said last: Error: `luftstrom upgrade`"):
            stack.wait_for(program, supervisor)

        assert supervisor.programs()["flink"]["statename"] == "EXITED"
        assert supervisor.starts_by_program()["flink"] == 1


def test_the_pause_between_failing_starts_grows_to_fifteen_seconds():
    process = PatientProcess(SimpleNamespace(name="collector", options=None))
    pauses = []
    for _ in range(20):
        process.change_state(ProcessStates.STARTING)
        process.change_state(ProcessStates.BACKOFF)
        pauses.append(round(process.delay - time.time()))

    assert pauses == [*range(1, 16), 15, 15, 15, 15, 15]


def test_the_socket_is_private(tmp_path):
    with supervised(tmp_path) as (_, supervisor):
        assert stat.S_IMODE(supervisor.socket.stat().st_mode) == 0o700
        conf = supervisor.folder / "supervisord.conf"
        assert stat.S_IMODE(conf.stat().st_mode) == 0o600


def test_a_data_folder_too_deep_for_a_socket_has_it_elsewhere(tmp_path):
    deep = tmp_path / ("deep" * 20)
    with supervised(deep, a_program("collector")) as (_, supervisor):
        assert pid_of(supervisor, "collector")
        assert not supervisor.socket.is_relative_to(deep)


def test_a_folder_with_a_blank_in_its_name_works(tmp_path):
    with supervised(tmp_path / "clean air", a_program("collector")) as (settings, supervisor):
        assert pid_of(supervisor, "collector")
        assert (settings.logs_dir / "collector.log").exists()


def test_down_stops_everything_and_says_so(tmp_path):
    with supervised(tmp_path, a_program("scraper"), a_program("kafka")) as (settings, _):
        assert stack.down(settings)

        assert processes_marked(tmp_path) == []
        assert not stack.down(settings)


def test_down_ends_what_does_not_end_by_itself_within_twenty_seconds(tmp_path):
    hanging = [a_program(name, IGNORES_TERM) for name in ("scraper", "flink", "collector", "kafka")]
    with supervised(tmp_path, *hanging) as (settings, _):
        began_at_s = time.monotonic()
        stack.down(settings)

        assert time.monotonic() - began_at_s < 20.0
        assert processes_marked(tmp_path) == []


def test_down_a_second_time_in_the_middle_of_the_first_is_no_error(tmp_path):
    with supervised(tmp_path, a_program("scraper", IGNORES_TERM)) as (settings, supervisor):
        supervisor.stop_programs(["scraper"], limit_s=0.0)

        stack.down(settings)
        assert processes_marked(tmp_path) == []


def test_down_does_not_wait_for_a_supervisor_that_hangs(tmp_path):
    with supervised(tmp_path, a_program("collector")) as (settings, supervisor):
        os.kill(supervisor.pid(), signal.SIGSTOP)
        began_at_s = time.monotonic()
        stack.down(settings)

        assert time.monotonic() - began_at_s < 20.0
        assert processes_marked(tmp_path) == []


def test_what_a_killed_supervisor_left_is_found_and_stopped(tmp_path):
    with supervised(tmp_path, a_program("collector")) as (settings, supervisor):
        left = psutil.Process(pid_of(supervisor, "collector"))
        os.kill(supervisor.pid(), signal.SIGKILL)
        wait_until(lambda: not stack.is_running(settings))
        assert left.is_running()

        assert stack.down(settings)
        assert processes_marked(tmp_path) == []


def test_what_a_leftover_begins_while_it_is_stopped_is_stopped_too(tmp_path):
    with supervised(tmp_path, a_program("collector", BEGINS_ANOTHER_AT_ITS_END)) as (settings, supervisor):
        collector = pid_of(supervisor, "collector")
        wait_until(lambda: catches_sigterm(collector))
        os.kill(supervisor.pid(), signal.SIGKILL)
        wait_until(lambda: not stack.is_running(settings))

        assert stack.stop_leftovers(settings) == 2
        assert processes_marked(tmp_path) == []


def test_the_stack_of_another_folder_is_left_alone(tmp_path):
    with (
        supervised(tmp_path / "one", a_program("collector")) as (one, _),
        supervised(tmp_path / "two", a_program("collector")) as (_, other),
    ):
        stack.down(one)

        assert pid_of(other, "collector")


def test_a_pid_file_of_another_process_is_not_believed(tmp_path):
    supervisor = Supervisor(Settings(data_dir=tmp_path))
    supervisor.folder.mkdir()
    (supervisor.folder / "supervisord.pid").write_text(str(os.getpid()))

    assert supervisor.pid() is None


def test_wiping_removes_the_data_folder(tmp_path):
    with supervised(tmp_path / "data", a_program("collector")) as (settings, _):
        stack.down(settings, wipe=True)

        assert not settings.data_dir.exists()


def test_the_status_shows_memory_and_the_last_error(tmp_path):
    says_error = "import sys, signal; print('2026-01-01 ERROR it hurts', flush=True); signal.pause()"
    with supervised(tmp_path, a_program("collector", says_error)) as (settings, _):
        wait_until(lambda: stack.status(settings)[0].last_error is not None)
        (row,) = stack.status(settings)

    assert row.last_error == "2026-01-01 ERROR it hurts"
    assert row.pss_bytes > 1_000_000
    assert row.port == settings.collector_metrics_port


def test_children_get_little_of_our_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("A_SECRET_OF_OURS", "1")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    program = a_program("collector", environment={"COLLECTOR_METRICS_PORT": "1"})
    with supervised(tmp_path, program) as (_, supervisor):
        process = psutil.Process(pid_of(supervisor, "collector"))
        # Between fork and exec it still has the supervisor's.
        wait_until(lambda: "COLLECTOR_METRICS_PORT" in process.environ())
        given = process.environ()

    assert "A_SECRET_OF_OURS" not in given
    assert given["COLLECTOR_METRICS_PORT"] == "1"
    assert given["HTTP_PROXY"] == "http://proxy.invalid:3128"
    assert "127.0.0.1" in given["NO_PROXY"]


def test_every_log_has_a_limit(tmp_path):
    text = configuration(
        Supervisor(Settings(data_dir=tmp_path)), [a_program("collector"), a_program("kafka")]
    )

    assert text.count("stdout_logfile_maxbytes=10MB") == 2
    assert text.count("stdout_logfile_backups=1") == 2

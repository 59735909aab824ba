"""Small stand-ins for the stack's processes, under a real supervisord."""

import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil

from local_stack.programs import Program
from local_stack.settings import Settings
from local_stack.stack import down
from local_stack.supervision import MARK, Supervisor

# One line each, as supervisord's configuration wants it.
WAITS = "import signal; signal.pause()"
IGNORES_TERM = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
BEGINS_ANOTHER_AT_ITS_END = (
    "import os, signal, subprocess; "
    "signal.signal(signal.SIGTERM, lambda *_: (subprocess.Popen(['sleep', '600']), os._exit(0))); "
    "signal.pause()"
)
ENDS_AT_ONCE = "raise SystemExit(1)"


def a_program(name, code=WAITS, **given):
    command = [sys.executable, "-c", code]
    return Program(name=name, command=command, require_ready=lambda: None, port_by_setting={}, **given)


@contextmanager
def supervised(folder, *programs):
    """A supervisord that keeps these programs, all of them running."""
    settings = Settings(data_dir=folder, source="recording")
    supervisor = Supervisor(settings)
    try:
        supervisor.start(programs)
        for program in programs:
            supervisor.start_program(program.name)
        wait_until(lambda: all(_has_begun(supervisor, program) for program in programs))
        yield settings, supervisor
    finally:
        down(settings)


def pid_of(supervisor, name):
    return supervisor.programs()[name]["pid"]


def catches_sigterm(pid):
    """Whether the process has a handler of its own for SIGTERM."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) & 1 << signal.SIGTERM - 1)


def _has_begun(supervisor, program):
    """Whether it is the program itself, no longer supervisord's fork of it, nor between the two."""
    pid = pid_of(supervisor, program.name)
    try:
        return pid != 0 and psutil.Process(pid).cmdline() == program.command
    except psutil.Error:  # one that ends at once
        return False


def processes_marked(folder):
    """Every process on this machine that belongs to the stack of this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def wait_until(is_so, *, limit_s=10.0):
    ends_at_s = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < ends_at_s, f"not so within {limit_s} s"
        time.sleep(0.05)

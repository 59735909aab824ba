"""supervisord keeps the programs: its configuration, its private socket, its answers."""

import hashlib
import http.client
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from contracts.errors import UnavailableError
from local_stack.programs import Program
from local_stack.settings import Settings, environment_of_children

MARK = "LUFTSTROM_STACK"  # in the environment of every child: the data folder it belongs to
START_LIMIT_S = 10.0
POLL_S = 0.1
LOG_BYTES, LOG_BACKUPS = "10MB", 1
# Seconds that a program must live to count as started; below that the back-off grows.
STARTED_AFTER_S = 2
RETRIES = 1_000_000
STOPPED = {"STOPPED", "EXITED", "FATAL", "UNKNOWN"}
STOPPABLE = {"STARTING", "RUNNING", "BACKOFF"}
ANSWER_LIMIT_S = 5.0
# The system allows 108 bytes, and supervisord binds a longer name first.
SOCKET_PATH_BYTES_MAX = 90


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The supervisord of one data folder, running or not."""

    settings: Settings

    @property
    def folder(self) -> Path:
        """Its configuration, pid and log."""
        return self.settings.data_dir / "supervisor"

    @property
    def socket(self) -> Path:
        """Its private socket: in the data folder, unless that is too deep for a socket's short path."""
        inside = self.folder / "supervisord.sock"
        if len(os.fsencode(inside)) <= SOCKET_PATH_BYTES_MAX:
            return inside
        digest = hashlib.sha256(str(self.settings.data_dir.resolve()).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"luftstrom-{os.getuid()}-{digest}.sock"

    def pid(self) -> int | None:
        """Its process id while it runs."""
        try:
            process = psutil.Process(int((self.folder / "supervisord.pid").read_text()))
            command = process.cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        is_ours = _mark_of(process) == str(self.settings.data_dir)
        return process.pid if is_ours and any("supervisord" in part for part in command) else None

    def start(self, programs: Sequence[Program]) -> None:
        """Start supervisord with these programs, none of them started yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings.logs_dir.mkdir(parents=True, exist_ok=True)
        conf = self.folder / "supervisord.conf"
        conf.touch(mode=0o600)
        conf.write_text(configuration(self, programs))
        environment = {**environment_of_children(), **_together(programs), MARK: str(self.settings.data_dir)}
        command = [sys.executable, "-m", "local_stack.supervisord", "-c", str(conf)]
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, timeout=60
        )
        if ended.returncode != 0:
            raise UnavailableError(f"supervisord did not start: {ended.stderr.strip()[-500:]}")
        self._wait_for_answer()

    def start_program(self, name: str) -> None:
        """Start one program; returns before it is ready."""
        self._ask("startProcess", name, False)

    def stop_programs(self, programs: Iterable[str], *, limit_s: float) -> None:
        """Stop programs, all at once; returns when they are stopped or the limit is over."""
        before = {name: each for name, each in self.programs().items() if name in programs}
        for name in (name for name, each in before.items() if each["statename"] in STOPPABLE):
            self._ask("stopProcess", name, False)
        names = list(before)
        ends_at_s = time.monotonic() + limit_s
        while names and time.monotonic() < ends_at_s:
            running = self.programs()
            names = [name for name in names if _runs(running[name])]
            time.sleep(POLL_S)

    def shutdown(self, *, limit_s: float) -> None:
        """End supervisord and whatever still runs under it."""
        pid = self.pid()
        if pid is None:
            return
        try:
            self._ask("shutdown")
            psutil.Process(pid).wait(limit_s)
        except psutil.NoSuchProcess:
            return
        except (psutil.TimeoutExpired, UnavailableError):
            self.kill()

    def kill(self) -> None:
        """End supervisord alone, with -9, where it no longer does what it is asked for."""
        pid = self.pid()
        if pid is not None:
            psutil.Process(pid).kill()

    def programs(self) -> dict[str, Mapping[str, Any]]:
        """What supervisord knows of each program, by name; empty while it does not run."""
        if self.pid() is None:
            return {}
        return {each["name"]: each for each in self._ask("getAllProcessInfo")}

    def starts_by_program(self) -> dict[str, int]:
        """How often each program was started since supervisord was."""
        try:
            text = (self.folder / "supervisord.log").read_text(errors="replace")
        except OSError:
            return {}
        now = text.rpartition("supervisord started with pid")[2]
        starts: dict[str, int] = {}
        for name in re.findall(r"spawned: '([^']+)' with pid", now):
            starts[name] = starts.get(name, 0) + 1
        return starts

    def _ask(self, method: str, *given: object) -> Any:
        """Supervisord's answer; raises UnavailableError where it refuses or does not answer in time."""
        try:
            with xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(self.socket)) as proxy:
                return getattr(proxy.supervisor, method)(*given)
        except xmlrpc.client.Fault as error:
            raise UnavailableError(f"supervisord refused {method} {given}: {error.faultString}") from error
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            log = self.folder / "supervisord.log"
            raise UnavailableError(f"supervisord does not answer ({error}); see {log}") from error

    def _wait_for_answer(self) -> None:
        ends_at_s = time.monotonic() + START_LIMIT_S
        while True:
            try:
                self._ask("getState")
            except UnavailableError:
                if time.monotonic() > ends_at_s:
                    raise
                time.sleep(POLL_S)
            else:
                return


class _Transport(xmlrpc.client.Transport):
    """XML-RPC over a Unix socket, with a limit on the wait for an answer."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(str(host), timeout=ANSWER_LIMIT_S)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(ANSWER_LIMIT_S)
        connection.sock.connect(str(self._path))
        self._connection = host, connection
        return connection


def configuration(supervisor: Supervisor, programs: Iterable[Program]) -> str:
    """Supervisord's configuration; per cent signs are doubled, for it expands single ones."""
    folder, logs = _escaped(str(supervisor.folder)), _escaped(str(supervisor.settings.logs_dir))
    head = (
        f"[supervisord]\nlogfile={folder}/supervisord.log\nlogfile_maxbytes=10MB\nlogfile_backups=1\n"
        f"pidfile={folder}/supervisord.pid\nchildlogdir={folder}\numask=077\nsilent=true\n\n"
        f"[unix_http_server]\nfile={_escaped(str(supervisor.socket))}\nchmod=0700\n\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
    )
    return head + "".join(f"\n{_section(program, logs)}" for program in programs)


def _section(program: Program, logs: str) -> str:
    """A program is started again whenever it ends, unless it says that only a person helps (EX_CONFIG)."""
    command = " ".join(f'"{_escaped(part)}"' for part in program.command)
    return (
        f"[program:{program.name}]\ncommand={command}\n"
        f"stdout_logfile={logs}/{program.name}.log\nredirect_stderr=true\n"
        f"stdout_logfile_maxbytes={LOG_BYTES}\nstdout_logfile_backups={LOG_BACKUPS}\n"
        f"autostart=false\nautorestart=unexpected\nexitcodes={os.EX_CONFIG}\n"
        f"startsecs={STARTED_AFTER_S}\nstartretries={RETRIES}\n"
        f"stopasgroup=false\nkillasgroup=true\nstopwaitsecs={program.stop_limit_s}\n"
    )


def _together(programs: Iterable[Program]) -> dict[str, str]:
    """Their environments, which supervisord hands on: its configuration cannot hold any text a person sets.

    No two rooms mean different things by one name: each begins with its room's, or is JAVA_HOME.
    """
    return {name: value for program in programs for name, value in program.environment.items()}


def leftovers(settings: Settings) -> list[psutil.Process]:
    """Processes of this data folder that no supervisor keeps any more."""
    mark = str(settings.data_dir)
    return [process for process in psutil.process_iter() if _mark_of(process) == mark]


def _mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None


def _runs(info: Mapping[str, Any]) -> bool:
    return info["statename"] not in STOPPED


def _escaped(value: str) -> str:
    return value.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')

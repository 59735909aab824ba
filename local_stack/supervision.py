"""supervisord keeps the programs: its configuration, its private socket, its answers."""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from contracts.errors import UnavailableError
from local_stack.programs import Program
from local_stack.settings import Settings, environment_of_children

MARK = "LUFTSTROM_STACK"  # in the environment of every child: the data folder it belongs to
START_LIMIT_S = 10.0
POLL_S = 0.1
LOG_BYTES, LOG_BACKUPS = "10MB", 1
# Seconds that a program must live to count as started; below that the back-off grows by a second each time.
STARTED_AFTER_S = 2
RETRIES = 1_000_000
STOPPED = {"STOPPED", "EXITED", "FATAL", "UNKNOWN"}


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
        """Its private socket; a socket's path is short, so it cannot lie in any data folder."""
        digest = hashlib.sha256(str(self.settings.data_dir.resolve()).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"luftstrom-{os.getuid()}-{digest}.sock"

    def pid(self) -> int | None:
        """Its process id while it runs."""
        try:
            pid = int((self.folder / "supervisord.pid").read_text())
            command = psutil.Process(pid).cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        return pid if any("supervisord" in part for part in command) else None

    def start(self, programs: Iterable[Program]) -> None:
        """Start supervisord with these programs, none of them started yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings.logs_dir.mkdir(parents=True, exist_ok=True)
        conf = self.folder / "supervisord.conf"
        conf.touch(mode=0o600)
        conf.write_text(configuration(self, programs))
        environment = {**environment_of_children(), MARK: str(self.settings.data_dir)}
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(conf)]
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, timeout=60
        )
        if ended.returncode != 0:
            raise UnavailableError(f"supervisord did not start: {ended.stderr.strip()[-500:]}")
        self._wait_for_answer()

    def start_program(self, name: str) -> None:
        """Start one program; returns before it is ready."""
        self._rpc().startProcess(name, False)

    def stop_programs(self, programs: Iterable[str], *, limit_s: float) -> None:
        """Stop programs, all at once; returns when they are stopped or the limit is over."""
        names = [name for name, each in self.programs().items() if name in programs and _runs(each)]
        for name in names:
            self._rpc().stopProcess(name, False)
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
        self._rpc().shutdown()
        try:
            psutil.Process(pid).wait(limit_s)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            psutil.Process(pid).kill()

    def programs(self) -> dict[str, Mapping[str, Any]]:
        """What supervisord knows of each program, by name; empty while it does not run."""
        if self.pid() is None:
            return {}
        return {each["name"]: each for each in self._rpc().getAllProcessInfo()}

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

    def _rpc(self) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def _wait_for_answer(self) -> None:
        ends_at_s = time.monotonic() + START_LIMIT_S
        while True:
            try:
                self._rpc().getState()
            except OSError as error:
                if time.monotonic() > ends_at_s:
                    log = self.folder / "supervisord.log"
                    raise UnavailableError(f"supervisord does not answer; see {log}") from error
                time.sleep(POLL_S)
            else:
                return


def configuration(supervisor: Supervisor, programs: Iterable[Program]) -> str:
    """Supervisord's configuration; per cent signs are doubled, for it expands single ones."""
    folder = supervisor.folder
    head = (
        f"[supervisord]\nlogfile={folder}/supervisord.log\nlogfile_maxbytes=10MB\nlogfile_backups=1\n"
        f"pidfile={folder}/supervisord.pid\nchildlogdir={folder}\numask=077\nsilent=true\n\n"
        f"[unix_http_server]\nfile={supervisor.socket}\nchmod=0700\n\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
    )
    logs = supervisor.settings.logs_dir
    return head + "".join(f"\n{_section(program, logs)}" for program in programs)


def _section(program: Program, logs: Path) -> str:
    environment = ",".join(f'{name}="{_escaped(value)}"' for name, value in program.environment.items())
    command = " ".join(f'"{_escaped(part)}"' for part in program.command)
    return (
        f"[program:{program.name}]\ncommand={command}\nenvironment={environment}\n"
        f"stdout_logfile={logs}/{program.name}.log\nredirect_stderr=true\n"
        f"stdout_logfile_maxbytes={LOG_BYTES}\nstdout_logfile_backups={LOG_BACKUPS}\n"
        f"autostart=false\nautorestart=true\nstartsecs={STARTED_AFTER_S}\nstartretries={RETRIES}\n"
        f"stopasgroup=false\nkillasgroup=true\nstopwaitsecs={program.stop_limit_s}\n"
    )


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
    return value.replace("%", "%%").replace('"', '\\"')

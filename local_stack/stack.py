"""The whole stack: up, down, status."""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from contracts.errors import UnavailableError
from local_stack.checks import require_data_folder, require_free_ports, require_source, starting_alone
from local_stack.grafana import GRAFANA, grafana_home, prepare_grafana
from local_stack.install import Installed, install
from local_stack.install.flink_archive import install_flink_archive
from local_stack.kafka import prepare_kafka
from local_stack.programs import RECORDING, Program, servers, services, source_url
from local_stack.provisioning import provision
from local_stack.settings import Settings
from local_stack.supervision import Supervisor, leftovers
from local_stack.waiting import wait_until_ready
from runtime.settings import environment_name

Tell = Callable[[str], None]

LOG_TAIL_BYTES = 64 * 1024
LEFTOVER_LIMIT_S = 10.0
LEFTOVER_ROUNDS_MAX = 5
LEFTOVER_AFTER_STOP_LIMIT_S = 1.0
# What is upstream stops first, so that the parts behind it can finish what they hold.
STOP_ORDER = (
    ("scraper", RECORDING, "page", GRAFANA),
    ("flink", "predictor", "collector"),
    ("kafka", "influxd", "valkey"),
)
STOP_LIMIT_S = 12.0
# With the two limits after it, all of it ends within 20 s, whatever hangs.
STOP_ALL_LIMIT_S = 13.0
SHUTDOWN_LIMIT_S = 2.5
# As our rooms (JSON lines), Kafka and Flink (log4j), InfluxDB (logfmt) and Python write one.
ERROR_MARKS = ('"level": "error"', '"level": "critical"', " ERROR ", " FATAL ", "lvl=error", "Error: ")


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process of the stack; `pss_bytes` and `uptime_s` are None while it does not run."""

    name: str
    state: str
    is_well: bool
    pid: int | None
    port: int
    pss_bytes: int | None
    uptime_s: float | None
    restarts: int
    last_error: str | None


def up(settings: Settings, tell: Tell) -> None:
    """Start the stack and wait until all of it is ready.

    Raises UnavailableError, BadInputError or SettingsError with the remedy; whatever was started is stopped
    again then, and on Ctrl-C.
    """
    require_source(settings)
    require_data_folder(settings)
    with starting_alone(settings):
        _require_none_running(Supervisor(settings))
        stop_leftovers(settings)
        _start_all(settings, install(tell), tell)


def _start_all(settings: Settings, installed: Installed, tell: Tell) -> None:
    supervisor = Supervisor(settings)
    first, then = servers(installed, settings), services(installed, settings)
    require_free_ports([*first, *then])
    # The job itself would make it while it is waited for, on a slow machine for longer than that.
    install_flink_archive(installed.java, installed.connector_jars, installed.flink_cache, tell)
    try:
        _prepare(installed, settings)
        supervisor.start([*first, *then])
        _start(supervisor, [*first, *(program for program in then if program.is_patient)])
        _wait(supervisor, first, tell)
        provision(settings, tell)
        _start(supervisor, [program for program in then if not program.is_patient])
        _wait(supervisor, then, tell)
    except BaseException:
        down(settings)
        raise


@contextmanager
def servers_running(settings: Settings, tell: Tell) -> Iterator[None]:
    """The stopped stack's servers alone, set up, while the block runs: nothing writes to them but the block.

    Raises UnavailableError where the stack runs.
    """
    require_data_folder(settings)
    with starting_alone(settings):
        _require_none_running(Supervisor(settings))
        stop_leftovers(settings)
        installed, supervisor = install(tell), Supervisor(settings)
        first = [each for each in servers(installed, settings) if each.name != RECORDING]
        require_free_ports(first)
        try:
            _prepare(installed, settings)
            supervisor.start(first)
            _start(supervisor, first)
            _wait(supervisor, first, tell)
            provision(settings, tell)
            yield
        finally:
            down(settings)


def down(settings: Settings, *, wipe: bool = False) -> bool:
    """Stop the stack in order, and delete its data if told so; whether anything was running."""
    supervisor = Supervisor(settings)
    was_running = supervisor.pid() is not None
    if was_running:
        _stop_in_order(supervisor)
    was_running = stop_leftovers(settings, limit_s=LEFTOVER_AFTER_STOP_LIMIT_S) > 0 or was_running
    # A supervisor that was killed leaves it.
    supervisor.socket.unlink(missing_ok=True)
    if wipe and settings.data_dir.exists():
        shutil.rmtree(settings.data_dir)
    return was_running


def is_running(settings: Settings) -> bool:
    """Whether a stack of this data folder runs."""
    return Supervisor(settings).pid() is not None


def has_process(settings: Settings, name: str) -> bool:
    """Whether the running stack has a process of this name."""
    return name in Supervisor(settings).programs()


def feed_url(settings: Settings) -> str | None:
    """The feed that the running stack reads, whatever it was started with; None for the live network."""
    is_recording = has_process(settings, RECORDING)
    return source_url(settings.model_copy(update={"source": "recording" if is_recording else "live"}))


def status(settings: Settings) -> list[ProcessStatus]:
    """Every process of the running stack; empty where none runs."""
    supervisor = Supervisor(settings)
    programs = supervisor.programs()
    starts = supervisor.starts_by_program()
    ports = _ports(settings)
    return [
        ProcessStatus(
            name=name,
            state=info["statename"].lower(),
            is_well=info["statename"] == "RUNNING",
            pid=info["pid"] or None,
            port=ports[name],
            pss_bytes=_pss_bytes(info["pid"]) if info["pid"] else None,
            uptime_s=time.time() - info["start"] if info["pid"] else None,
            restarts=max(0, starts.get(name, 0) - 1),
            last_error=_last_error(settings.logs_dir / f"{name}.log"),
        )
        for name, info in programs.items()
    ]


def stop_leftovers(settings: Settings, *, limit_s: float = LEFTOVER_LIMIT_S) -> int:
    """Stop what an earlier stack of this folder left behind when it was killed; how many there were."""
    told: set[psutil.Process] = set()
    # One may have begun another while it was looked for; none is waited for twice.
    for _ in range(LEFTOVER_ROUNDS_MAX):
        found = set(leftovers(settings)) - told
        if not found:
            break
        told |= found
        for process in found:
            _quietly(process.terminate)
        _, alive = psutil.wait_procs(found, timeout=limit_s)
        for process in alive:
            _quietly(process.kill)
        psutil.wait_procs(alive, timeout=LEFTOVER_LIMIT_S)
    return len(told)


def _require_none_running(supervisor: Supervisor) -> None:
    pid = supervisor.pid()
    if pid is not None:
        name = environment_name(Settings, "data_dir")
        raise UnavailableError(
            f"the stack of {supervisor.settings.data_dir} runs already (pid {pid}). "
            f"Look at it with `luftstrom status`, stop it with `luftstrom down`, or start a second one "
            f"with another folder in {name} and other ports in LOCAL_STACK_…_PORT."
        )


def _stop_in_order(supervisor: Supervisor) -> None:
    ends_at_s = time.monotonic() + STOP_ALL_LIMIT_S
    try:
        for group in STOP_ORDER:
            supervisor.stop_programs(group, limit_s=min(STOP_LIMIT_S, ends_at_s - time.monotonic()))
    except UnavailableError:
        # It hangs or is just dying: what it leaves behind is found by its mark.
        supervisor.kill()
    else:
        supervisor.shutdown(limit_s=SHUTDOWN_LIMIT_S)


def _prepare(installed: Installed, settings: Settings) -> None:
    data = settings.data_dir
    for name in ("influxd", "valkey", "flink"):
        (data / name).mkdir(parents=True, exist_ok=True)
    if grafana_home(os.environ):
        prepare_grafana(settings)
    if settings.kafka_bootstrap_servers is None:
        prepare_kafka(
            installed.java,
            installed.kafka_jars,
            data / "kafka",
            port=settings.kafka_port,
            controller_port=settings.kafka_controller_port,
            archive_option=installed.kafka_archive_option,
        )


def _start(supervisor: Supervisor, programs: list[Program]) -> None:
    for program in programs:
        supervisor.start_program(program.name)


def _wait(supervisor: Supervisor, programs: list[Program], tell: Tell) -> None:
    started_at_s = time.monotonic()
    for program in programs:
        wait_for(program, supervisor)
        tell(f"{program.name:<10} ready after {time.monotonic() - started_at_s:.1f} s on port {program.port}")


def wait_for(program: Program, supervisor: Supervisor) -> None:
    """Wait until the program is ready; raises UnavailableError with the remedy where it ends or is slow."""

    def is_running() -> bool:
        return supervisor.programs()[program.name]["statename"] in ("STARTING", "RUNNING")

    try:
        wait_until_ready(program.require_ready, is_running=is_running, limit_s=program.start_limit_s)
    except UnavailableError as error:
        log = supervisor.settings.logs_dir / f"{program.name}.log"
        last = _last_error(log)
        raise UnavailableError(
            f"{program.name} did not get ready: {error}. {program.remedy}\nIts log is {log}"
            + (f"; it said last: {last}" if last else "")
        ) from error


def _ports(settings: Settings) -> dict[str, int]:
    return {
        "kafka": settings.kafka_port,
        "influxd": settings.influxd_port,
        "valkey": settings.valkey_port,
        "recording": settings.recording_port,
        "flink": settings.flink_rest_port,
        "collector": settings.collector_metrics_port,
        "predictor": settings.predictor_metrics_port,
        "scraper": settings.scraper_metrics_port,
        "page": settings.page_port,
        GRAFANA: settings.grafana_port,
    }


def _pss_bytes(pid: int) -> int | None:
    try:
        process = psutil.Process(pid)
        family: Iterable[psutil.Process] = [process, *process.children(recursive=True)]
        return sum(int(each.memory_full_info().pss) for each in family)
    except (psutil.Error, AttributeError):
        return None


def _last_error(log: Path) -> str | None:
    """The newest line of a log that speaks of an error."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return None
    return next((line for line in reversed(lines) if any(mark in line for mark in ERROR_MARKS)), None)


def _quietly(action: Callable[[], None]) -> None:
    try:
        action()
    except psutil.NoSuchProcess:
        return

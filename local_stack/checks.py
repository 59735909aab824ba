"""What must be so before anything is started; each failure names the setting and the remedy."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psutil

from contracts.errors import UnavailableError
from local_stack.ports import is_free
from local_stack.programs import Program, source_url
from local_stack.recordings import recording_path
from local_stack.settings import Settings
from runtime.settings import environment_name, read_settings
from scraper.settings import Settings as ScraperSettings

GIB = 1024**3
DATA_BYTES = GIB


def require_source(settings: Settings) -> None:
    """Raise BadInputError where there is no such recording, SettingsError where the scraper would refuse."""
    if settings.source == "recording":
        recording_path(settings.recording)
    read_settings(
        ScraperSettings,
        kafka_bootstrap_servers=settings.kafka_address,
        redis_url=settings.redis_address,
        source_url=source_url(settings),
        poll_interval_s=settings.poll_interval_s,
    )


def require_free_ports(programs: Iterable[Program]) -> None:
    """Raise UnavailableError naming every port that somebody else holds, and its setting."""
    busy = [
        f"port {port} for {program.name} is in use{_by_whom(port)}: free it, or set another one in "
        f"{environment_name(Settings, setting)}"
        for program in programs
        for setting, port in program.port_by_setting.items()
        if not is_free(port)
    ]
    if busy:
        raise UnavailableError("\n".join(busy))


def require_data_folder(settings: Settings) -> None:
    """Raise UnavailableError where the data folder cannot be written or its disk is nearly full."""
    folder, name = settings.data_dir, environment_name(Settings, "data_dir")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0" * 4096)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise UnavailableError(
            f"the data folder {folder} cannot be written ({error.strerror}). "
            f"Make room there or make it yours, or name another folder in {name}."
        ) from error
    if free < DATA_BYTES:
        raise UnavailableError(
            f"the data folder {folder} has {free / GIB:.2f} GiB free and needs {DATA_BYTES / GIB:.0f} GiB. "
            f"Make room, or name another folder in {name}."
        )


@contextmanager
def starting_alone(settings: Settings) -> Iterator[None]:
    """Hold the only right to start the stack of this folder; raises UnavailableError where it is taken."""
    with (settings.data_dir / "start.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UnavailableError(
                f"the stack of {settings.data_dir} is just being started by another `luftstrom up`. "
                f"Wait for it, or name another folder in {environment_name(Settings, 'data_dir')}."
            ) from error
        yield


def _by_whom(port: int) -> str:
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return ""
    holders = [each.pid for each in connections if each.laddr and each.laddr.port == port and each.pid]
    if not holders:
        return ""
    try:
        return f" by {psutil.Process(holders[0]).name()} (pid {holders[0]})"
    except psutil.NoSuchProcess:
        return ""

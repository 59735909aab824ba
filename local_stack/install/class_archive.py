"""The broker's class archive (AppCDS): halves its start. Made on this machine, for its own Java."""

import hashlib
import signal
import subprocess
from pathlib import Path

from contracts.errors import UnavailableError
from local_stack.install.cache import Tell, put_in_place, scratch_beside
from local_stack.kafka import kafka_command, prepare_kafka, require_kafka
from local_stack.ports import free_ports
from local_stack.settings import LOOPBACK
from local_stack.waiting import wait_until_ready

START_LIMIT_S = 60.0
STOP_LIMIT_S = 60.0


def install_broker_archive(java: Path, jars: Path, cache: Path, tell: Tell) -> Path | None:
    """The archive for this Java and these jars, made by one run of the broker; None where that fails.

    Without it everything works, a second slower.
    """
    target = cache / "class-archives" / f"kafka-{_key(java, jars)}.jsa"
    if target.is_file():
        return target
    tell("making the broker's class archive, once")
    with scratch_beside(target) as scratch:
        try:
            made = _made(java, jars, scratch)
        except (UnavailableError, subprocess.TimeoutExpired) as error:
            tell(f"no class archive for the broker ({error}); it starts a second slower")
            return None
        put_in_place(made, target)
    return target


def _key(java: Path, jars: Path) -> str:
    said = subprocess.run(
        [str(java), "-version"], capture_output=True, text=True, check=False, timeout=60
    ).stderr
    return hashlib.sha256(f"{said}{jars}".encode()).hexdigest()[:12]


def _made(java: Path, jars: Path, scratch: Path) -> Path:
    archive, data_dir = scratch / "kafka.jsa", scratch / "data"
    port, controller_port = free_ports(2)
    prepare_kafka(java, jars, data_dir, port=port, controller_port=controller_port)
    command = kafka_command(java, jars, data_dir, archive_option=f"-XX:ArchiveClassesAtExit={archive}")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as broker:
        try:
            wait_until_ready(
                lambda: require_kafka(f"{LOOPBACK}:{port}"),
                is_running=lambda: broker.poll() is None,
                limit_s=START_LIMIT_S,
            )
            broker.send_signal(signal.SIGTERM)
            broker.wait(STOP_LIMIT_S)
        finally:
            broker.kill()
    if not archive.is_file():
        raise UnavailableError("Java wrote none")
    return archive

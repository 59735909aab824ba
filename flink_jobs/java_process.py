"""The Java process that Flink runs in, as a child that never outlives us."""

import ctypes
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from py4j.protocol import Py4JError  # type: ignore[import-untyped]

from contracts.errors import UnavailableError
from flink_jobs.class_path import java_executable, pyflink_home

GATEWAY_CLASS = "org.apache.flink.client.python.PythonGatewayServer"
GATEWAY_PORT = "PYFLINK_GATEWAY_PORT"  # set by whoever started Java
START_TIMEOUT_S = 60.0
KILL_TIMEOUT_S = 30.0
PORT_FILE_BYTES = 8  # the gateway's port and its callback port
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class JavaError(RuntimeError):
    """What Java threw at a call, as text."""

    @property
    def cause(self) -> str:
        """What it came from, in one line."""
        lines = str(self).splitlines()
        causes = [line for line in lines if line.startswith("Caused by: ")]
        return causes[-1].removeprefix("Caused by: ") if causes else lines[0]


@dataclass(frozen=True, slots=True)
class JavaOptions:
    """How the Java process runs; `flags` come before the class path."""

    jars: Sequence[Path]
    flags: Sequence[str]
    log_dir: Path
    tmp_dir: Path


@contextmanager
def running_java(options: JavaOptions, *, exit_timeout_s: float = 0.0) -> Iterator["subprocess.Popen[bytes]"]:
    """Start Java with PyFlink's gateway and tell pyflink of it.

    On leaving it may end by itself for `exit_timeout_s`, then it is killed.

    We start it ourselves, for PyFlink's launcher orders the class path at random, reads no output and
    keeps no handle: with one we see at once when Java dies. Raises UnavailableError where it does not start.
    """
    from pyflink.util.exceptions import JavaException  # noqa: PLC0415 - its import takes a second

    _empty(options.tmp_dir)
    options.log_dir.mkdir(parents=True, exist_ok=True)
    # In a folder that the next start empties: after kill -9 nobody else does.
    with (
        tempfile.TemporaryDirectory(dir=options.tmp_dir) as folder,
        (options.log_dir / "java.out").open("wb") as output,
    ):
        port_file = Path(folder) / "port"
        (Path(folder) / "config.yaml").write_text("{}\n")  # it must be there; ours is given with the job
        process = subprocess.Popen(
            _command(options),
            env=os.environ | {"_PYFLINK_CONN_INFO_PATH": str(port_file), "FLINK_CONF_DIR": folder},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent(),  # noqa: PLW1509 - we have one thread, and it makes two calls
        )
        try:
            os.environ[GATEWAY_PORT] = str(_gateway_port(process, port_file, options.log_dir))
            # No Python function runs in a worker: keep pyflink from starting Beam, which is not installed.
            os.environ["_python_worker_execution_mode"] = "process"  # noqa: SIM112 - pyflink's own name
            yield process
        except (Py4JError, JavaException) as error:
            # Its text is fetched from Java, which is about to go.
            raise JavaError(str(error)) from None
        finally:
            _let_go_of_gateway()
            _end(process, exit_timeout_s)


def _command(options: JavaOptions) -> list[str]:
    return [
        java_executable(),
        *_flags_of_pyflink(),
        *options.flags,
        "-XX:+ExitOnOutOfMemoryError",
        f"-Djava.io.tmpdir={options.tmp_dir}",
        f"-Dluftstrom.log.dir={options.log_dir}",
        f"-Dlog4j.configurationFile={Path(__file__).with_name('log4j2.properties')}",
        "-cp",
        os.pathsep.join(map(str, options.jars)),
        GATEWAY_CLASS,
    ]


def _flags_of_pyflink() -> list[str]:
    """The --add-opens that Flink's own configuration file gives to every Java of it."""
    lines = (pyflink_home() / "conf" / "config.yaml").read_text().splitlines()
    return next(line for line in lines if line.strip().startswith("all: --add-")).split()[1:]


def _gateway_port(process: "subprocess.Popen[bytes]", port_file: Path, log_dir: Path) -> int:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not port_file.exists() or port_file.stat().st_size < PORT_FILE_BYTES:
        if process.poll() is not None or time.monotonic() > deadline:
            raise UnavailableError(f"Java did not start (exit code {process.poll()}); see {log_dir}/java.out")
        time.sleep(0.02)
    port, _ = struct.unpack("!II", port_file.read_bytes())
    return int(port)


def _end(process: "subprocess.Popen[bytes]", exit_timeout_s: float) -> None:
    if exit_timeout_s:
        process.terminate()
    try:
        process.wait(exit_timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(KILL_TIMEOUT_S)


def _let_go_of_gateway() -> None:
    """Else every Java object that Python forgets later would be reported to a Java that is gone."""
    os.environ.pop(GATEWAY_PORT, None)
    pyflink_gateway = sys.modules.get("pyflink.java_gateway")
    gateway = getattr(pyflink_gateway, "_gateway", None)
    if gateway is not None:
        gateway._gateway_client.is_connected = False
        gateway.close()
        gateway.shutdown_callback_server()
        pyflink_gateway._gateway = None  # type: ignore[union-attr]


def _die_with_parent() -> Callable[[], None] | None:
    """What the child does before it becomes Java: on Linux, ask to be killed when we die.

    Elsewhere PyFlink's watchdog ends it some seconds later.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def before_exec() -> None:
        # Ctrl-C reaches the whole group; only we answer it, with a savepoint.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    return before_exec


def _empty(folder: Path) -> None:
    """Flink unpacks 100 MB of itself at each start, and a killed one leaves it behind."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

"""One real server alone, for tests and benchmarks: on free ports, in a folder of its own."""

import os
import secrets
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from collector.bootstrap import TokenFolder, bootstrap
from contracts.stored import ORG
from local_stack.influxd import influxd_command, require_influxd
from local_stack.install import Installed, install
from local_stack.install.prometheus import install_prometheus
from local_stack.kafka import kafka_command, prepare_kafka, require_kafka
from local_stack.ports import free_ports
from local_stack.prometheus import prometheus_command, prometheus_config, require_prometheus
from local_stack.settings import LOOPBACK
from local_stack.valkey import require_valkey, valkey_command
from local_stack.waiting import wait_until_ready

START_LIMIT_S = 60.0
STOP_LIMIT_S = 20.0


class Server:
    """A server as a child process; it can be killed and started again on the same port and data."""

    def __init__(
        self,
        command: list[str],
        *,
        log: Path,
        require: Callable[[], None],
        start_limit_s: float = START_LIMIT_S,
    ) -> None:
        self._command, self._log, self._require = command, log, require
        self._start_limit_s = start_limit_s
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with self._log.open("ab") as output:
            process = subprocess.Popen(self._command, stdout=output, stderr=output, start_new_session=True)
        self._process = process
        try:
            wait_until_ready(
                self._require, is_running=lambda: process.poll() is None, limit_s=self._start_limit_s
            )
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End it in order; with -9 where it does not end in time."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it with -9, children too."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def restart(self) -> None:
        """Start it again on the same port and data."""
        self.stop()
        self.start()

    @property
    def pid(self) -> int:
        """The process id."""
        if self._process is None:
            raise RuntimeError("a server has a process id once it is started")
        return self._process.pid


@dataclass(frozen=True, slots=True)
class KafkaServer:
    """A running broker."""

    server: Server
    bootstrap_servers: str


@dataclass(frozen=True, slots=True)
class InfluxServer:
    """A running InfluxDB, set up as the stack's: organisation, bucket, tokens in `secrets_dir`."""

    server: Server
    url: str
    org: str
    operator_token: str
    secrets_dir: Path

    @property
    def write_token(self) -> str:
        """The collector's token."""
        return (self.secrets_dir / "collector.token").read_text().strip()

    @property
    def read_token(self) -> str:
        """The readers' token."""
        return (self.secrets_dir / "reader.token").read_text().strip()


@dataclass(frozen=True, slots=True)
class ValkeyServer:
    """A running Valkey."""

    server: Server
    url: str


@cache
def _installed() -> Installed:
    return install(lambda _line: None)


@contextmanager
def running_kafka(folder: Path) -> Iterator[KafkaServer]:
    """A broker without topics."""
    installed = _installed()
    port, controller_port = free_ports(2)
    prepare_kafka(
        installed.java, installed.kafka_jars, folder, port=port, controller_port=controller_port,
        archive_option=installed.kafka_archive_option,
    )  # fmt: skip
    address = f"{LOOPBACK}:{port}"
    command = kafka_command(
        installed.java, installed.kafka_jars, folder, archive_option=installed.kafka_archive_option
    )
    with _running(command, folder, lambda: require_kafka(address)) as server:
        yield KafkaServer(server, address)


@contextmanager
def running_influxd(folder: Path) -> Iterator[InfluxServer]:
    """An InfluxDB with the stack's organisation, bucket and tokens."""
    (port,) = free_ports(1)
    url, token, secrets_dir = f"http://{LOOPBACK}:{port}", secrets.token_urlsafe(32), folder / "secrets"
    command = influxd_command(_installed().influxd, folder, port=port)
    with _running(command, folder, lambda: require_influxd(url)) as server:
        bootstrap(url=url, org=ORG, operator_token=token, tokens=TokenFolder(secrets_dir))
        yield InfluxServer(server, url, ORG, token, secrets_dir)


@contextmanager
def running_prometheus(
    folder: Path, targets: Mapping[str, str], *, every_s: int = 1, rules: Path | None = None
) -> Iterator[str]:
    """A Prometheus that asks each job at its address; gives its URL."""
    (port,) = free_ports(1)
    url = f"http://{LOOPBACK}:{port}"
    config = prometheus_config(targets, every_s=every_s, rules=rules)
    (folder / "prometheus.yml").write_text(config, encoding="utf-8")
    command = prometheus_command(install_prometheus(lambda _line: None).server, folder, port=port)
    with _running(command, folder, lambda: require_prometheus(url)):
        yield url


@contextmanager
def running_valkey(folder: Path) -> Iterator[ValkeyServer]:
    """An empty Valkey."""
    (port,) = free_ports(1)
    url = f"redis://{LOOPBACK}:{port}/0"
    command = valkey_command(_installed().valkey_server, folder, port=port)
    with _running(command, folder, lambda: require_valkey(url)) as server:
        yield ValkeyServer(server, url)


@contextmanager
def _running(command: list[str], folder: Path, require: Callable[[], None]) -> Iterator[Server]:
    server = Server(command, log=folder / "server.log", require=require)
    server.start()
    try:
        yield server
    finally:
        server.stop()

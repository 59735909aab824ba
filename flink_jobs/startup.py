"""What must be so before Flink starts: a broker that answers and free ports."""

import socket
import threading
from functools import partial

from contracts.errors import UnavailableError
from runtime.retry import retry_unavailable

CONNECT_TIMEOUT_S = 2.0
BACKOFF_CAP_S = 5.0
# A killed predecessor lets go of its ports within a second or two.
PORT_TIMEOUT_S = 30.0
PORT_BACKOFF_CAP_S = 1.0


def wait_for_kafka(bootstrap_servers: str, stopping: threading.Event) -> None:
    """Return once a broker accepts connections; raises UnavailableError only when `stopping` is set."""
    retry_unavailable(
        lambda: _connect(bootstrap_servers), what="kafka", stopping=stopping, cap_s=BACKOFF_CAP_S
    )


def wait_for_free_ports(
    ports: tuple[int, ...], stopping: threading.Event, *, limit_s: float = PORT_TIMEOUT_S
) -> None:
    """Return once the local `ports` are free; raises UnavailableError, naming one, after `limit_s`."""
    for port in ports:
        retry_unavailable(
            partial(_bind, port),
            what=f"port {port}",
            stopping=stopping,
            limit_s=limit_s,
            base_s=0.25,
            cap_s=PORT_BACKOFF_CAP_S,
        )


def _connect(bootstrap_servers: str) -> None:
    for server in bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()
        except OSError:
            continue
        return
    raise UnavailableError(f"no broker answers at {bootstrap_servers}")


def _bind(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UnavailableError(
                f"port {port} is in use by another process; stop it, or choose another port"
            ) from error

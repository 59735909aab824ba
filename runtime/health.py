"""Health and metrics of a process on one port: `/livez`, `/readyz`, `/metrics`."""

import json
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from contracts.errors import UnavailableError
from runtime.clock import Clock, SystemClock

TICK_LIMIT_S = 60.0


class Health:
    """What a process says of itself: alive while its loop ticks, ready while it can do its work."""

    def __init__(self, *, clock: Clock | None = None, tick_limit_s: float = TICK_LIMIT_S) -> None:
        self._clock = clock or SystemClock()
        self._tick_limit_s = tick_limit_s
        self._ticked_at = self._clock.monotonic_s()
        self._unready_because: str | None = "starting"
        self._ready_until_s = math.inf

    def tick(self) -> None:
        """The main loop went round once more."""
        self._ticked_at = self._clock.monotonic_s()

    def ready(self, *, for_s: float = math.inf) -> None:
        """The process can do its work: for so many seconds, unless it says so again."""
        self._ready_until_s = self._clock.monotonic_s() + for_s
        self._unready_because = None

    def unready(self, because: str) -> None:
        """The process cannot do its work; `because` is shown to whoever asks."""
        self._unready_because = because

    @property
    def is_live(self) -> bool:
        """Whether the loop ticked within the limit."""
        return self._clock.monotonic_s() - self._ticked_at <= self._tick_limit_s

    @property
    def unready_because(self) -> str | None:
        """Why the process is not ready; None when it is."""
        if self._unready_because is None and self._clock.monotonic_s() > self._ready_until_s:
            return "what it does takes longer than it should"
        return self._unready_because


@contextmanager
def serving_health(
    health: Health, registry: CollectorRegistry, *, port: int, host: str = "127.0.0.1"
) -> Iterator[int]:
    """Serve health and metrics in a thread while the block runs; gives the port (chosen when 0).

    To what the registry holds come the process' own memory, CPU and open files (`process_…`).
    Raises UnavailableError where the port is taken.
    """
    try:
        server = ThreadingHTTPServer((host, port), _handler(health, (registry, _of_process())))
    except OSError as error:
        raise UnavailableError(f"cannot serve health and metrics on {host}:{port}: {error}") from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _of_process() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def _handler(health: Health, registries: Sequence[CollectorRegistry]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content_type, body = _answer(self.path, health, registries)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Probes and scrapes are not events."""

    return Handler


def _answer(path: str, health: Health, registries: Sequence[CollectorRegistry]) -> tuple[int, str, bytes]:
    if path == "/metrics":
        return 200, CONTENT_TYPE_LATEST, b"".join(map(generate_latest, registries))
    if path == "/livez":
        return _verdict(None if health.is_live else "the main loop has stopped")
    if path == "/readyz":
        return _verdict(health.unready_because)
    return 404, "application/json", b'{"error":"try /livez, /readyz or /metrics"}'


def _verdict(because: str | None) -> tuple[int, str, bytes]:
    body = {"ok": because is None, "because": because}
    return (200 if because is None else 503), "application/json", json.dumps(body).encode()

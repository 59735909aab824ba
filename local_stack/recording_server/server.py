"""The recording server's HTTP: the service's path, the doors of /recording/, health."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from contracts.errors import BadInputError
from local_stack.recording_server.faults import fault_of
from local_stack.recording_server.service import Answer, Service

DATA_PATH = "/static/v1/data.json"
MAX_INJECTED_BYTES = 64 * 2**20
IDLE_S = 120  # a kept connection without a request is closed after this


class RecordingServer(ThreadingHTTPServer):
    """Serves one Service; raises OSError on construction if the address is taken."""

    daemon_threads = True
    block_on_close = False  # a kept connection does not hold up the stop
    request_queue_size = 128
    service: Service  # set before serve_forever; until then connections wait

    def __init__(self, host: str, port: int) -> None:
        super().__init__((host, port), Handler)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: RecordingServer
    protocol_version = "HTTP/1.1"
    server_version = "recording-server"
    timeout = IDLE_S
    wbufsize = -1  # head and body leave in one write
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer a poll, the state, or a health probe."""
        path = urlsplit(self.path).path
        if path in ("/livez", "/readyz"):
            self._say(200, "ok")
        elif path == "/recording/state":
            self._say_json(200, self.server.service.state())
        elif path == DATA_PATH and self._has_agent():
            self._send(self.server.service.poll(
                etag=self.headers.get("If-None-Match"),
                since=self.headers.get("If-Modified-Since"),
                gzip_accepted=self._gzip_accepted(),
            ))  # fmt: skip
        elif self._has_agent():
            self._say(404, "not found")
        else:
            self.server.service.served["answers_403"] += 1
            self._say(403, "a User-Agent header is required")

    def do_HEAD(self) -> None:
        """Answer as a GET without the body; the clock stays."""
        if urlsplit(self.path).path != DATA_PATH:
            self._say(404, "not found")
        elif not self._has_agent():
            self._say(403, "a User-Agent header is required")
        else:
            self._send(self.server.service.look(gzip_accepted=self._gzip_accepted()))

    def do_POST(self) -> None:
        """Take a fault for the next answers."""
        url = urlsplit(self.path)
        if url.path != "/recording/inject":
            self._refuse(404, "not found")
            return
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_INJECTED_BYTES or "Transfer-Encoding" in self.headers:
            self._refuse(400, f"send at most {MAX_INJECTED_BYTES} bytes, and say how many")
            return
        body = self.rfile.read(int(length))
        try:
            fault = fault_of({name: each[-1] for name, each in parse_qs(url.query).items()}, body)
        except BadInputError as error:
            self._say(400, error.detail)
            return
        if self.server.service.faults.add(fault):
            self._say_json(200, {"mode": fault.mode, "answers": fault.answers_left, "bytes": len(body)})
        else:
            self._say(429, "too many faults are waiting: poll first")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in http.server
        """Nothing: the state counts the answers."""

    def _has_agent(self) -> bool:
        return bool(self.headers.get("User-Agent", "").strip())

    def _gzip_accepted(self) -> bool:
        codings = self.headers.get("Accept-Encoding", "").lower().replace(" ", "").split(",")
        return any(coding.partition(";")[0] == "gzip" and not coding.endswith(";q=0") for coding in codings)

    def _send(self, answer: Answer) -> None:
        time.sleep(answer.delay_s)
        try:
            self._write(answer.status, answer.body, answer.headers)
        except OSError:  # the client is gone: it has not seen the answer, so the clock stays
            self.close_connection = True
            return
        if self.command == "GET":
            self.server.service.answered(answer)

    def _say(self, status: int, text: str) -> None:
        self._write(status, f"{text}\n".encode(), {"Content-Type": "text/plain; charset=utf-8"})

    def _refuse(self, status: int, text: str) -> None:
        self.close_connection = True  # the body is not read
        self._say(status, text)

    def _say_json(self, status: int, content: object) -> None:
        self._write(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _write(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

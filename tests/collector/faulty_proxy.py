"""A proxy before InfluxDB that does to requests what networks, other proxies and loaded servers do."""

import json
import select
import socket
import struct
import threading
from collections import Counter, deque
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import urllib3

SLOW_S = 0.2
GONE_LIMIT_S = 60.0


def passed(exchange):
    exchange.answer(*exchange.forwarded())


def slow(exchange):
    threading.Event().wait(SLOW_S)
    passed(exchange)


def too_late(exchange):
    """Stored, and answered when the client has long given up."""
    forwarded = exchange.forwarded()
    select.select([exchange.connection], [], [], GONE_LIMIT_S)
    exchange.answer(*forwarded)


def request_dropped(exchange):
    exchange.hang_up()


def answer_dropped(exchange):
    exchange.forwarded()
    exchange.hang_up()


def reset(exchange):
    exchange.reset()


def reset_when_stored(exchange):
    exchange.forwarded()
    exchange.reset()


def half_request(exchange):
    exchange.answer(*exchange.forwarded(exchange.body[: len(exchange.body) // 2]))


def half_answer(exchange):
    exchange.forwarded()
    exchange.send(b"HTTP/1.1 2")
    exchange.hang_up()


def half_refusal(exchange):
    body = influx_error("invalid", "unable to parse 'air,sensor_id=1 pm10=nan 1': invalid number")
    exchange.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:40])
    exchange.hang_up()


def broken_when_stored(exchange):
    exchange.forwarded()
    exchange.answer(500, influx_error("internal error", "engine: closed"))


def refused(status, body=b"<html>no</html>", *headers):
    """The fault of an answer, nothing stored."""

    def fault(exchange):
        exchange.answer(status, body, headers)

    return fault


def influx_error(code, message):
    return json.dumps({"code": code, "message": message}).encode()


FAULTS = (
    slow,
    too_late,
    request_dropped,
    answer_dropped,
    reset,
    reset_when_stored,
    half_request,
    half_answer,
    half_refusal,
    broken_when_stored,
    refused(400),
    refused(400, influx_error("invalid", "unexpected EOF")),
    refused(401, influx_error("unauthorized", "unauthorized access")),
    refused(403),
    refused(404, influx_error("not found", "bucket not found")),
    refused(413),
    refused(422),
    refused(422, influx_error("unprocessable entity", "partial write: dropped=1")),
    refused(429, b"", ("Retry-After", "1")),
    refused(500),
    refused(503, b"", ("Retry-After", "0")),
)


class Exchange:
    """One request and the ways to end it."""

    def __init__(self, handler, upstream_url):
        self._handler, self._upstream_url = handler, upstream_url
        self.connection = handler.connection
        self.body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))

    def forwarded(self, body=None):
        """Status and body of InfluxDB's own answer."""
        headers = {name: value for name, value in self._handler.headers.items() if name != "Content-Length"}
        answer = urllib3.request(
            self._handler.command, self._upstream_url + self._handler.path,
            body=self.body if body is None else body, headers=headers, retries=False,
        )  # fmt: skip
        return answer.status, answer.data

    def answer(self, status, body, headers=()):
        self._handler.send_response(status)
        for name, value in headers:
            self._handler.send_header(name, value)
        if status != 204:
            self._handler.send_header("Content-Length", str(len(body)))
        self._handler.end_headers()
        self._handler.wfile.write(body)

    def send(self, text):
        self.connection.sendall(text)

    def hang_up(self):
        self._handler.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def reset(self):
        self._handler.close_connection = True
        # Closing without waiting for what is on its way is a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


class FaultyProxy:
    """Ends each request by the next of its `faults`; lets pass when there are none left."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self.faults = deque()
        self.ended_by = Counter()

    def end(self, exchange):
        try:
            fault = self.faults.popleft()
        except IndexError:
            fault = passed
        self.ended_by[fault] += 1
        fault(exchange)


@contextmanager
def faulty_proxy(upstream_url):
    """A proxy on a free port of the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer is sent as a whole, or waits for the client's acknowledgement of its head

        def do_POST(self):
            try:
                proxy.end(Exchange(self, upstream_url))
            except (OSError, ValueError):  # the client has gone
                self.close_connection = True

        def finish(self):
            try:
                super().finish()
            except (OSError, ValueError):
                self.connection.close()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy = FaultyProxy(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()

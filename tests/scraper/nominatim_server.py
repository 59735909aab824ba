"""A Nominatim on the loopback interface: answers as it is told, and remembers who asked what when."""

import json
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

FOOTDEE = {
    "village": "Footdee", "county": "Aberdeen City", "state": "Scotland", "country": "United Kingdom",
    "country_code": "gb",
}  # fmt: skip


class NominatimServer:
    """`address` is what it answers (None: nothing is known there), `status` with which code."""

    def __init__(self):
        self.address, self.status, self.headers, self.body = FOOTDEE, 200, {}, None
        self.asked, self.asked_at_s, self.agents = [], [], []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.url = ""

    def answer(self):
        if self.body is not None:
            return self.body
        if self.address is None:
            return b'{"error": "Unable to geocode"}'
        return json.dumps(
            {"lat": "57.1", "lon": "-2.1", "display_name": "…", "address": self.address}
        ).encode()


@contextmanager
def running_nominatim():
    told = NominatimServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            told.asked_at_s.append(time.monotonic())
            told.agents.append(self.headers["User-Agent"])
            told.asked.append({name: value for name, (value,) in parse_qs(urlsplit(self.path).query).items()})
            told.may_answer.wait()
            body = told.answer()
            self.send_response(told.status)
            for name, value in {**told.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):  # whoever asked may be gone
                self.wfile.write(body)

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield told
    finally:
        told.may_answer.set()
        server.shutdown()
        server.server_close()
        thread.join()

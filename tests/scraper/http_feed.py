"""A service on the loopback interface that answers what a test says, and keeps what it was asked."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FEED_PATH = "/static/v1/data.json"


class Feed:
    """What is answered next: the same to all, but for the status and body of single paths."""

    def __init__(self):
        self.status, self.headers, self.body = 200, {}, b"[]"
        self.status_by_path, self.body_by_path = {}, {}
        self.asked, self.asked_paths = [], []
        self.url = ""


@contextmanager
def serving_feed():
    feed = Feed()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            feed.asked.append(self.headers)
            feed.asked_paths.append(self.path)
            body = feed.body_by_path.get(self.path, feed.body)
            self.send_response(feed.status_by_path.get(self.path, feed.status))
            for name, value in {"Content-Length": str(len(body)), **feed.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    feed.url = f"http://127.0.0.1:{server.server_address[1]}{FEED_PATH}"
    yield feed
    server.shutdown()
    server.server_close()
    thread.join()

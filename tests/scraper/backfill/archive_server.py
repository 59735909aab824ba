"""A server of the archive's layout on the loopback interface, whose answers can be spoilt."""

import threading
from collections import Counter
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">
<html><head><title>Index of /{folder}</title></head><body><h1>Index of /{folder}</h1>
<table><tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th></tr>
<tr><td><a href="/">Parent Directory</a></td><td>&nbsp;</td><td align="right">  - </td></tr>
{rows}</table></body></html>"""
ROW = (
    '<tr><td valign="top"><img src="/icons/unknown.gif" alt="[   ]"></td>'
    '<td><a href="{name}">{short}</a></td>'
    '<td align="right">2019-05-15 04:30  </td><td align="right">{kib:3.0f}K</td><td>&nbsp;</td></tr>\n'
)


def page_of(folder, files):
    """The page of a folder as Apache makes it; `files` are names and sizes in bytes."""
    rows = (ROW.format(name=name, short=f"{name[:20]}..&gt;", kib=size / 1024) for name, size in files)
    return PAGE.format(folder=folder, rows="".join(rows))


def write_pages(root):
    """The page of each folder that has files."""
    for folder in {path.parent for path in Path(root).rglob("*.csv*")}:
        files = [(path.name, path.stat().st_size) for path in sorted(folder.glob("*.csv*"))]
        (folder / "index.html").write_text(page_of(folder.relative_to(root), files))


class ArchiveServer:
    """What was asked, by whom, and what to answer instead the next times."""

    def __init__(self, url):
        self.url = url
        self.asked, self.agents = [], set()
        self.spoilt_by_path = {}

    def spoil(self, path, *answers):
        """The next answers to a path: status and headers, or "cut" for one that breaks off."""
        self.spoilt_by_path[path] = list(answers)

    @property
    def counts(self):
        return Counter(self.asked)


class Handler(SimpleHTTPRequestHandler):
    """Files of a folder; its page where there is one."""

    def do_GET(self):
        serving = self.server.serving
        serving.asked.append(self.path)
        serving.agents.add(self.headers["User-Agent"])
        spoilt = serving.spoilt_by_path.get(self.path)
        if not spoilt:
            super().do_GET()
            return
        answer = spoilt.pop(0)
        if answer == "cut":
            content = Path(self.translate_path(self.path)).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        status, headers = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args):
        pass


@contextmanager
def serving(root):
    """Serve a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(root)))
    server.serving = ArchiveServer(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.serving
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""What `make preview` runs: pictures of the dashboards on a small network, on servers of its own.

The folder that is named takes them, small enough for a page of docs: 256 colours.
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

from dashboards.preview.__main__ import PHONE_PX, WIDTH_PX, draw
from dashboards.preview.answers import Servers
from local_stack.settings import cache_dir
from local_stack.single import running_influxd
from tests.collector.collector_process import wait_until
from tests.dashboards.filled_metrics import asked_by_prometheus, has_answers
from tests.dashboards.filled_store import fill

COLOURS = 256
WANTED = {"sensor": "100", "city": "Aberdeen", "measure": "pm25"}
SCRAPE_S = 1


def main(to):
    with tempfile.TemporaryDirectory() as name:
        for part in ("influxd", "prometheus"):
            Path(name, part).mkdir()
        with running_influxd(Path(name, "influxd")) as influx:
            fill(influx)
            with asked_by_prometheus(influx, Path(name, "prometheus")) as url:
                servers = Servers(influx.url, influx.read_token, url, scrape_s=SCRAPE_S)
                wait_until(lambda: has_answers(servers))
                take_all(servers, to)


def take_all(servers, to):
    for width_px, folder in ((WIDTH_PX, to), (PHONE_PX, to / "phone")):
        for picture in draw(servers, folder, cache_dir(), WANTED, names=[], width_px=width_px):
            small = (
                Image.open(picture)
                .convert("RGB")
                .quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
            )
            small.save(picture, optimize=True)
            print(f"{picture} {picture.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

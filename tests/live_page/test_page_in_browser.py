"""The page in a real browser, over a real store: what a person sees."""

import subprocess
import time
from collections import defaultdict
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from contracts.topics import FORECASTS
from local_stack.ports import free_ports
from tests.collector.collector_process import wait_until
from tests.debian_packages import require_tools
from tests.live_page.test_api import a_forecast
from tests.live_page.test_live_page_process import answers, started
from tests.luftstrom.stored_air import a_sensor_id, this_hour_s, write, write_values

pytestmark = pytest.mark.integration

LIMIT_S = 120
# Scripts wait for answers of a real server: the browser's clock runs ahead while nothing else is to do.
BUDGET_MS = 20_000


@pytest.fixture(scope="module")
def sensors():
    return {"Good": a_sensor_id(), "Poor": a_sensor_id()}


@pytest.fixture(scope="module")
def page(influx, sensors, tmp_path_factory):
    """The address of a page whose store holds a sensor with a forecast, and one in bad air."""
    require_tools({"chromium": "chromium"})
    now_s = int(time.time())
    for value, sensor_id in ((3.0, sensors["Good"]), (60.0, sensors["Poor"])):
        write_values(influx, "pm25", sensor_id, [value] * 60, from_s=now_s - 3600, city=f"Town {sensor_id}")
    write(influx, FORECASTS, [a_forecast(sensors["Good"], "Town", this_hour_s(), measure="pm25")])
    port, metrics_port = free_ports(2)
    process = started(influx, tmp_path_factory.mktemp("page"), port, metrics_port)
    wait_until(lambda: answers(f"http://127.0.0.1:{port}/api/stations"))
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait(LIMIT_S)


def browse(*options):
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        f"--virtual-time-budget={BUDGET_MS}", *options,
    ]  # fmt: skip
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_S).stdout


class Texts(HTMLParser):
    """The text of each element that has an id, and which tags lie in it."""

    def __init__(self, html):
        super().__init__()
        self._open, self.text_by_id, self.tags_by_id = [], defaultdict(str), defaultdict(set)
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        for name in filter(None, self._open):
            self.tags_by_id[name].add(tag)
        if tag not in {"meta", "link", "img", "br", "input", "hr"}:
            self._open.append(dict(attributes).get("id"))

    def handle_endtag(self, _tag):
        if self._open:
            self._open.pop()

    def handle_data(self, data):
        for name in filter(None, self._open):
            self.text_by_id[name] += data


def text_of(html, name):
    return Texts(html).text_by_id[name]


def test_a_chosen_sensor_is_shown_with_its_value_its_band_in_words_and_its_forecast(page, sensors):
    html = browse("--dump-dom", f"{page}/#measure=pm25&sensor={sensors['Good']}")

    assert f"SDS011 {sensors['Good']}" in text_of(html, "sensor-name")
    assert "3.0" in text_of(html, "sensor-now")
    assert "Good (European index, particles alone)" in text_of(html, "sensor-now")
    assert "the band holds 9 of 10 hours" in text_of(html, "sensor-notes")
    assert "canvas" in Texts(html).tags_by_id["chart"]


def test_places_are_listed_with_the_worst_air_first(page, sensors):
    rows = text_of(browse("--dump-dom", f"{page}/#measure=pm25"), "places-rows")

    assert rows.index(f"Town {sensors['Poor']}") < rows.index(f"Town {sensors['Good']}")


def test_a_sensor_without_the_measure_says_so(page, sensors):
    html = browse("--dump-dom", f"{page}/#measure=pressure&sensor={sensors['Good']}")

    assert "sent no Pressure in the last hour" in text_of(html, "sensor-name")


def test_a_store_that_is_away_is_told(tmp_path, influx, page):
    port, metrics_port = free_ports(2)
    lost = replace(influx, url="http://127.0.0.1:9")
    process = started(lost, tmp_path, port, metrics_port)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/"))
        html = browse("--dump-dom", f"http://127.0.0.1:{port}/")
    finally:
        process.kill()
        process.wait(LIMIT_S)

    assert "InfluxDB does not answer" in text_of(html, "problem")

"""How long each panel's InfluxQL takes on a day of 15,000 sensors, in a real InfluxDB of its own.

`python -m benchmarks.dashboard_queries [SENSORS] [HOURS OF RAW VALUES]`; 15000 and 2 by default, for a whole
day of raw values takes half an hour to fill. The city is the largest, with a tenth of all sensors; countries
are all. Printed are the first run, which opens files, and the middle of three; and the CPU of InfluxDB, which
a busy machine does not change.
"""

import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.dashboard_network import HOUR_S, Writer, fill, sensors
from dashboards.generated_files import ROOM
from dashboards.preview.answers import Answered, Servers, answers, choices
from dashboards.preview.expansion import Chosen
from local_stack.single import running_influxd

SENSORS, RAW_HOURS, HOURS, RUNS = 15_000, 2, 24, 3
LIMIT_S = 1.0
WANTED = {"city": "City 0", "sensor": "20000000", "measure": "pm25"}


def main(count: int, raw_hours: int) -> None:
    """Fill, measure, print."""
    with tempfile.TemporaryDirectory() as folder, running_influxd(Path(folder)) as influx:
        write = Writer(url=influx.url, org=influx.org, token=influx.write_token)
        until_s = int(time.time()) // HOUR_S * HOUR_S + HOUR_S
        for name, lines in fill(sensors(count), write, until_s=until_s, hours=HOURS, raw_hours=raw_hours):
            print(f"filled {name}: {lines:,} lines", flush=True)
        report(Servers(influx.url, influx.read_token, None), psutil.Process(influx.server.pid))


@dataclass(frozen=True, slots=True)
class Times:
    """Of a panel's slowest query: seconds of the first run, of the middle one, and InfluxDB's CPU then."""

    first_s: float
    middle_s: float
    cpu_s: float


def report(servers: Servers, influxd: psutil.Process) -> None:
    """Print each panel's times, the slowest first."""
    times_by_name = dict(_measured(servers, influxd))
    print("  wall s   first s     CPU s")
    for name, times in sorted(times_by_name.items(), key=lambda pair: -pair[1].middle_s):
        mark = "over a second: " if times.middle_s > LIMIT_S else ""
        print(f"{times.middle_s:8.3f}  {times.first_s:8.3f}  {times.cpu_s:8.3f}  {mark}{name}")
    within = sum(times.middle_s <= LIMIT_S for times in times_by_name.values())
    print(f"{within} of {len(times_by_name)} panels within {LIMIT_S:g} s")


def _measured(servers: Servers, influxd: psutil.Process) -> Iterator[tuple[str, Times]]:
    for source in sorted((ROOM / "generated").glob("*.json")):
        dashboard = json.loads(source.read_text(encoding="utf-8"))
        names = {each["name"] for each in dashboard["templating"]["list"]}
        wanted = {key: value for key, value in WANTED.items() if key in names}
        chosen = choices(dashboard, servers, wanted)
        for panel in filter(_asks_influx, dashboard["panels"]):
            one = {**dashboard, "panels": [panel]}
            yield f"{source.stem}: {panel['title']}", _times(servers, influxd, one, chosen)


def _times(
    servers: Servers, influxd: psutil.Process, dashboard: dict[str, Any], chosen: dict[str, Chosen]
) -> Times:
    runs: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def timed(query: str, ask: Callable[[], list[Answered]]) -> list[Answered]:
        began_s, cpu_s = time.perf_counter(), _cpu_s(influxd)
        found = ask()
        runs[query].append((time.perf_counter() - began_s, _cpu_s(influxd) - cpu_s))
        return found

    now_s = int(time.time())  # of all runs, or a query would be another each time
    for _ in range(RUNS):
        answers(dashboard, servers, chosen, now_s=now_s, timed=timed)
    slowest = max(runs.values(), key=lambda times: sorted(times)[RUNS // 2])
    return Times(slowest[0][0], *sorted(slowest)[RUNS // 2])


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _asks_influx(panel: dict[str, Any]) -> bool:
    return any(target["datasource"]["type"] == "influxdb" for target in panel.get("targets", []))


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(*(given + [SENSORS, RAW_HOURS][len(given) :]))

"""How long each panel's InfluxQL takes on a day of 15,000 sensors, in a real InfluxDB of its own.

`python -m benchmarks.dashboard_queries [SENSORS] [HOURS OF RAW VALUES]`; 15000 and 2 by default, for a whole
day of raw values takes half an hour to fill. The city is the largest, with a tenth of all sensors; countries
are all. Printed is the middle of three runs; the first is told apart, for it opens files.
"""

import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.dashboard_network import HOUR_S, Writer, fill, sensors
from dashboards.generated_files import ROOM
from dashboards.preview.answers import Answered, Servers, answers, choices
from local_stack.single import running_influxd

SENSORS, RAW_HOURS, HOURS, RUNS = 15_000, 2, 24, 3
LIMIT_S = 1.0
WANTED = {"city": "City 0", "country": "C00", "sensor": "20000000", "measure": "pm25"}


def main(count: int, raw_hours: int) -> None:
    """Fill, measure, print."""
    with tempfile.TemporaryDirectory() as folder, running_influxd(Path(folder)) as influx:
        write = Writer(url=influx.url, org=influx.org, token=influx.write_token)
        until_s = int(time.time()) // HOUR_S * HOUR_S + HOUR_S
        for name, lines in fill(sensors(count), write, until_s=until_s, hours=HOURS, raw_hours=raw_hours):
            print(f"filled {name}: {lines:,} lines", flush=True)
        report(Servers(influx.url, influx.read_token, None))


def report(servers: Servers) -> None:
    """Print each panel's slowest query: first run, and the middle of all."""
    rows = sorted(_measured(servers), key=lambda row: -row[2])
    for name, first_s, middle_s in rows:
        mark = "over a second  " if middle_s > LIMIT_S else ""
        print(f"{middle_s:7.3f} s  first {first_s:7.3f} s  {mark}{name}")
    print(f"{sum(middle_s <= LIMIT_S for _, _, middle_s in rows)} of {len(rows)} panels within {LIMIT_S:g} s")


def _measured(servers: Servers) -> Iterator[tuple[str, float, float]]:
    for source in sorted((ROOM / "generated").glob("*.json")):
        dashboard = json.loads(source.read_text(encoding="utf-8"))
        dashboard["panels"] = [each for each in dashboard["panels"] if _asks_influx(each)]
        names = {each["name"] for each in dashboard["templating"]["list"]}
        wanted = {key: value for key, value in WANTED.items() if key in names and key != "country"}
        for panel in dashboard["panels"]:
            yield (
                f"{source.stem}: {panel['title']}",
                *_times(servers, {**dashboard, "panels": [panel]}, wanted),
            )


def _times(servers: Servers, dashboard: dict[str, object], wanted: dict[str, str]) -> tuple[float, float]:
    """Seconds of the slowest query, in the first run and in the middle one; Grafana asks them at once."""
    runs: dict[str, list[float]] = defaultdict(list)

    def timed(query: str, ask: Callable[[], list[Answered]]) -> list[Answered]:
        began_s = time.perf_counter()
        found = ask()
        runs[query].append(time.perf_counter() - began_s)
        return found

    chosen, now_s = choices(dashboard, servers, wanted), int(time.time())
    for _ in range(RUNS):
        answers(dashboard, servers, chosen, now_s=now_s, timed=timed)
    return max(times[0] for times in runs.values()), max(
        sorted(times)[len(times) // 2] for times in runs.values()
    )


def _asks_influx(panel: dict[str, list[dict[str, dict[str, str]]]]) -> bool:
    return any(target["datasource"]["type"] == "influxdb" for target in panel.get("targets", []))


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(*(given + [SENSORS, RAW_HOURS][len(given) :]))

"""`python -m dashboards.preview`: pictures of the dashboards on a running store, without Grafana."""

import argparse
import json
import sys
import time
from pathlib import Path

from dashboards.generated_files import ROOM
from dashboards.preview.answers import RefusedQueryError, Servers, answers, choices
from dashboards.preview.picture import MissingProgramError, chart_library, height_px, page, take

WIDTH_PX, PHONE_PX = 1500, 500  # Chromium makes no narrower window


def main() -> int:
    """Draw what the arguments name; the exit code."""
    told = _arguments()
    servers = Servers(
        told.influx_url, told.token_file.read_text(encoding="utf-8").strip(), told.prometheus_url
    )
    wanted = dict(pair.split("=", 1) for pair in told.var)
    try:
        for path in draw(servers, told.to, told.cache, wanted, names=told.dashboard, width_px=told.width):
            print(path)
    except (MissingProgramError, RefusedQueryError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def draw(
    servers: Servers,
    to: Path,
    cache: Path,
    wanted: dict[str, str],
    *,
    names: list[str],
    width_px: int = WIDTH_PX,
) -> list[Path]:
    """A picture of each dashboard of these names, all where none is named; their paths."""
    library, drawn = chart_library(cache), []
    to.mkdir(parents=True, exist_ok=True)
    for source in sorted((ROOM / "generated").glob("*.json")):
        dashboard = json.loads(source.read_text(encoding="utf-8"))
        if names and source.stem.removeprefix("luftstrom-") not in names:
            continue
        chosen = choices(dashboard, servers, wanted)
        html = page(dashboard, answers(dashboard, servers, chosen, now_s=int(time.time())), chosen, library)
        picture = to / f"preview-{source.stem.removeprefix('luftstrom-')}.png"
        take(html, picture, width_px=width_px, height_px=height_px(dashboard, width_px=width_px))
        drawn.append(picture)
    return drawn


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m dashboards.preview",
        description="Draw the dashboards as pictures of a store's and a Prometheus' answers: no Grafana.",
    )
    parser.add_argument("--influx-url", required=True, help="the store, for example http://127.0.0.1:19086")
    parser.add_argument("--token-file", required=True, type=Path, help="file with a token that reads")
    parser.add_argument("--prometheus-url", help="the metrics; without, their panels are empty")
    parser.add_argument("--to", type=Path, default=Path("previews"), help="folder of the pictures")
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps the chart library")
    parser.add_argument("--var", action="append", default=[], metavar="NAME=VALUE", help="a variable's value")
    parser.add_argument("--width", type=int, default=WIDTH_PX, help="in pixels; under 700 as on a phone")
    parser.add_argument("dashboard", nargs="*", help="overview, place, …; all where none is named")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())

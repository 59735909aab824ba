"""A dashboard as a page that stands alone, and as a picture of it by a headless Chromium."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from dashboards.preview.answers import PanelAnswer
from dashboards.preview.expansion import Chosen
from dashboards.preview.tables import rows_of

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CELL_PX, HEADER_PX, NARROW_PX, NARROW_CELLS_MAX = 38, 84, 700, 9
LIMIT_S = 120
HERE = files("dashboards.preview")


class MissingProgramError(Exception):
    """npm or a browser is not there; the message says how to get it."""


def chart_library(cache: Path) -> tuple[str, str]:
    """Code and style of uPlot, which Grafana draws time series with; fetched once into the cache by npm.

    Raises MissingProgramError.
    """
    target = cache / "preview"
    found = target / "node_modules" / "uplot" / "dist"
    if not (found / "uPlot.iife.min.js").is_file():
        npm = shutil.which("npm")
        if npm is None:
            raise MissingProgramError(
                "npm is not on PATH; it fetches the chart library (Debian: apt install npm)"
            )
        target.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            (target / name).write_text(HERE.joinpath(name).read_text(encoding="utf-8"), encoding="utf-8")
        subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund", "--silent"], cwd=target, check=True, timeout=LIMIT_S
        )
    return tuple(
        (found / name).read_text(encoding="utf-8") for name in ("uPlot.iife.min.js", "uPlot.min.css")
    )  # type: ignore[return-value]


def page(
    dashboard: Mapping[str, Any],
    answers: Sequence[PanelAnswer],
    chosen: Mapping[str, Chosen],
    library: tuple[str, str],
) -> str:
    """The page: data, drawing code and library in one, asking nobody."""
    code, style = library
    shown = json.dumps(_board(dashboard, answers, chosen), ensure_ascii=False).replace("</", "<\\/")
    template = HERE.joinpath("page.html").read_text(encoding="utf-8")
    drawing = HERE.joinpath("panels.js").read_text(encoding="utf-8")
    for mark, text in (
        ("/*UPLOT_CSS*/", style), ("/*UPLOT_JS*/", code),
        ("/*PANELS_JS*/", drawing), ("/*BOARD*/null", shown),
    ):  # fmt: skip
        template = template.replace(mark, text, 1)
    return template


def height_px(dashboard: Mapping[str, Any], *, width_px: int) -> int:
    """How high the page is; a narrow one has a panel a line."""
    panels = dashboard["panels"]
    if width_px < NARROW_PX:
        cells = sum(min(int(each["gridPos"]["h"]), NARROW_CELLS_MAX) for each in panels)
        return 2 * HEADER_PX + cells * CELL_PX
    cells = max(int(each["gridPos"]["y"]) + int(each["gridPos"]["h"]) for each in panels)
    return HEADER_PX + cells * CELL_PX


def take(html: str, picture: Path, *, width_px: int, height_px: int) -> None:
    """Write the page's picture as PNG; raises MissingProgramError."""
    _browse(html, f"--screenshot={picture}", f"--window-size={width_px},{height_px}")


def drawn(html: str) -> str:
    """The page as it is once it is drawn, as HTML; raises MissingProgramError."""
    return _browse(html, "--dump-dom", "--window-size=1500,2000")


def _browse(html: str, *options: str) -> str:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise MissingProgramError("no Chromium on PATH (Debian: apt install chromium)")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "page.html"
        source.write_text(html, encoding="utf-8")
        command = [
            browser, "--headless=new", "--hide-scrollbars", "--disable-gpu",
            f"--user-data-dir={folder}/profile", "--virtual-time-budget=4000", *options,
            *(["--no-sandbox"] if os.geteuid() == 0 else []), source.as_uri(),
        ]  # fmt: skip
        return subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S, text=True).stdout


def _board(
    dashboard: Mapping[str, Any], answers: Sequence[PanelAnswer], chosen: Mapping[str, Chosen]
) -> dict[str, Any]:
    variables = [
        (each.get("label") or each["name"], chosen[each["name"]].text)
        for each in dashboard["templating"]["list"]
        if each["type"] != "datasource" and each.get("hide") != 2
    ]
    panels = [
        {
            "panel": dict(answer.panel),
            "title": answer.title,
            "span": [answer.span.from_s, answer.span.to_s],
            "rows": rows_of(answer) if answer.panel["type"] in ("table", "geomap") else [],
            "targets": [
                [{"tags": each.tags, "columns": each.columns, "rows": each.rows} for each in series]
                for series in answer.series
            ],
        }
        for answer in answers
    ]
    return {"title": dashboard["title"], "variables": variables, "panels": panels}

"""What every dashboard has: its uid, variables, links to the others, and the note on the data."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.common import TimeZoneBrowser
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    DashboardLinkType,
)

from dashboards.panels import words

TAG = "luftstrom"
WIDTH = 24
ATTRIBUTION = (
    "Data: [sensor.community](https://sensor.community) contributors, DbCL v1.0; cities: "
    "[GeoNames](https://www.geonames.org), CC BY 4.0; map: © OpenStreetMap contributors. "
    "**Indicative sensors**: low-cost, unofficial, and those of dust read high in humid air; "
    "they show patterns, not whether a legal limit is kept. Indices here are of particles alone."
)
SENSOR_ARCHIVE = "https://archive.sensor.community"

Variable = Any  # the SDK has a builder for each kind, without a common type


class Line(NamedTuple):
    """Panels beside each other: their height, and each with its width of 24."""

    height: int
    panels: Sequence[tuple[Any, int]]


class Section(NamedTuple):
    """A heading, and the lines below it."""

    title: str
    lines: Sequence[Line]


def uid(name: str) -> str:
    """The uid of a dashboard, and the name of its file: `luftstrom-place`."""
    return f"luftstrom-{name}"


def page(name: str, **variables: str) -> str:
    """The address of one of our dashboards, with the time of this one."""
    chosen = "".join(f"&var-{key}={value}" for key, value in variables.items())
    return f"/d/{uid(name)}?${{__url_time_range}}&${{ds:queryparam}}{chosen}"


def board(
    name: str,
    about: str,
    variables: Sequence[Variable],
    sections: Sequence[Section],
    *,
    time: tuple[str, str] = ("now-24h", "now"),
    refresh: str = "1m",
    links: Sequence[dashboard.DashboardLink] = (),
) -> Dashboard:
    """A whole dashboard: sections from the top, the note at the end."""
    made = (
        dashboard.Dashboard(f"Luftstrom: {name.replace('-', ' ')}")
        .uid(uid(name))
        .description(about)
        .tags([TAG])
        .readonly()
        .refresh(refresh)
        .time(*time)
        .timezone(TimeZoneBrowser)
        .tooltip(DashboardCursorSync.CROSSHAIR)
    )
    for variable in variables:
        made = made.with_variable(variable)
    for each in (_others(), *links):
        made = made.link(each)
    for section in (*sections, Section("About the data", [Line(2, [(_note(), WIDTH)])])):
        made = made.with_row(dashboard.Row(section.title))
        for line in section.lines:
            for panel, width in line.panels:
                made = made.with_panel(panel.height(line.height).span(width))
    return _numbered(made.build())


def _numbered(made: Dashboard) -> Dashboard:
    for number, panel in enumerate(made.panels or [], 1):
        panel.id_val = number
    return made


def _others() -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink("Luftstrom")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
        .tooltip("The other dashboards, with the same place and time")
    )


def _note() -> Any:
    return words("", "Where the data come from, and what they are good for.", ATTRIBUTION)

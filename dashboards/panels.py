"""The kinds of panels we use, each with a title, a description and a unit, in one look."""

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    geomap,
    stat,
    statetimeline,
    table,
    text,
    timeseries,
)
from grafana_foundation_sdk.models import common as model
from grafana_foundation_sdk.models import geomap as geomap_model
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
)
from grafana_foundation_sdk.models.text import TextMode

from dashboards.queries import targets
from dashboards.scales import PLAIN, steps

GAP_MS = 2 * 3600 * 1000  # a line is not drawn over a longer silence
BAND_OPACITY = 18
COUNT, SECONDS, SHARE, BYTES = "short", "s", "percentunit", "bytes"
NOTHING = "nothing in this time"
MAP_TILES = "default"


def lines(title: str, description: str, unit: str, *queries: Any, fill: int = 0) -> timeseries.Panel:
    """Lines over time."""
    return (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .targets(targets(*queries))
        .draw_style(model.GraphDrawStyle.LINE)
        .line_width(2)
        .fill_opacity(fill)
        .show_points(model.VisibilityMode.AUTO)
        .point_size(4)
        .insert_nulls(GAP_MS)
        .no_value(NOTHING)
        .legend(
            common.VizLegendOptions()
            .display_mode(model.LegendDisplayMode.LIST)
            .placement(model.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(
            common.VizTooltipOptions().mode(model.TooltipDisplayMode.MULTI).sort(model.SortOrder.DESCENDING)
        )
    )


def bars(title: str, description: str, unit: str, *queries: Any, is_stacked: bool = True) -> timeseries.Panel:
    """Bars over time, on each other."""
    panel = (
        lines(title, description, unit, *queries, fill=70).draw_style(model.GraphDrawStyle.BARS).line_width(1)
    )
    mode = model.StackingMode.NORMAL if is_stacked else model.StackingMode.NONE
    return panel.stacking(common.StackingConfig().mode(mode).group("A")).min(0)


def with_band(panel: timeseries.Panel, low: str, high: str, *, colour: str, name: str) -> timeseries.Panel:
    """Fill between two of the panel's series; only the upper one is in the legend, by that name."""
    quiet = [set_to("custom.lineWidth", 0), set_to("color", {"mode": "fixed", "fixedColor": colour})]
    hidden = {"legend": True, "tooltip": False, "viz": False}
    return panel.override_by_name(
        high,
        [
            *quiet,
            set_to("custom.fillBelowTo", low),
            set_to("custom.fillOpacity", BAND_OPACITY),
            set_to("displayName", name),
        ],
    ).override_by_name(low, [*quiet, set_to("custom.hideFrom", hidden)])


def with_line(
    panel: timeseries.Panel,
    series: str,
    *,
    colour: str,
    dash: Sequence[int] = (),
    name: str = "",
    width: int = 2,
) -> timeseries.Panel:
    """Draw one series in that colour, dashed where told."""
    properties = [set_to("color", {"mode": "fixed", "fixedColor": colour}), set_to("custom.lineWidth", width)]
    if dash:
        properties.append(set_to("custom.lineStyle", {"fill": "dash", "dash": list(dash)}))
    if name:
        properties.append(set_to("displayName", name))
    return panel.override_by_name(series, properties)


def number(title: str, description: str, unit: str, *queries: Any) -> stat.Panel:
    """The last value, large."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .targets(targets(*queries))
        .thresholds(steps((None, PLAIN)))
        .color_mode(model.BigValueColorMode.VALUE)
        .graph_mode(model.BigValueGraphMode.NONE)
        .text_mode(model.BigValueTextMode.AUTO)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
        .no_value("–")
    )


def numbers(title: str, description: str, unit: str, *queries: Any) -> stat.Panel:
    """Several last values, each with its name."""
    return number(title, description, unit, *queries).text_mode(model.BigValueTextMode.VALUE_AND_NAME)


def gauges(title: str, description: str, unit: str, *queries: Any) -> bargauge.Panel:
    """A horizontal bar for each series' last value."""
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .targets(targets(*queries))
        .min(0)
        .thresholds(steps((None, PLAIN)))
        .orientation(model.VizOrientation.HORIZONTAL)
        .display_mode(model.BarGaugeDisplayMode.GRADIENT)
        .value_mode(model.BarGaugeValueMode.COLOR)
        .show_unfilled(True)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
        .no_value("0")
    )


def rows(title: str, description: str, unit: str, *queries: Any) -> table.Panel:
    """A table, in the order of its query."""
    return (
        table.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .targets(targets(*queries))
        .show_header(True)
        .cell_height(model.TableCellHeight.SM)
        .no_value(NOTHING)
    )


def in_columns(panel: table.Panel, *names: str) -> table.Panel:
    """Show these columns of a table, in this order; the time only where it is named."""
    options: dict[str, object] = {"indexByName": {name: number for number, name in enumerate(names)}}
    if "Time" not in names:
        options["excludeByName"] = {"Time": True}
    return panel.with_transformation(DataTransformerConfig(id_val="organize", options=options))


def sorted_by(panel: table.Panel, shown_name: str, *, is_descending: bool = True) -> table.Panel:
    """Begin with the highest of a column, told by the name it is shown by."""
    return panel.sort_by([common.TableSortByFieldState().display_name(shown_name).desc(is_descending)])


def joined(panel: geomap.Panel) -> geomap.Panel:
    """Make one row of the queries' rows that have the same tags: times differ, so they go first."""
    return panel.with_transformation(
        DataTransformerConfig(id_val="filterFieldsByName", options={"exclude": {"names": ["Time"]}})
    ).with_transformation(DataTransformerConfig(id_val="merge", options={}))


def states(title: str, description: str, unit: str, *queries: Any) -> statetimeline.Panel:
    """What was the case when, a strip a series."""
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .targets(targets(*queries))
        .show_value(model.VisibilityMode.NEVER)
        .merge_values(True)
        .row_height(0.8)
        .no_value(NOTHING)
    )


def marker_map(
    title: str, description: str, unit: str, *queries: Any, value: str, size_by: str | None = None
) -> geomap.Panel:
    """Markers at `lat` and `lon`, coloured by a field's thresholds, as large as another field says."""
    size: dict[str, object] = {"fixed": 7, "min": 4, "max": 22}
    if size_by is not None:
        size["field"] = size_by
    style = {
        "color": {"field": value, "fixed": PLAIN},
        "size": size,
        "opacity": 0.85,
        "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
    }
    where = (
        common.FrameGeometrySource()
        .mode(model.FrameGeometrySourceMode.COORDS)
        .latitude("lat")
        .longitude("lon")
    )
    layer = common.MapLayerOptions().type("markers").name("sensors").location(where).tooltip(True)
    layer = layer.config({"showLegend": True, "style": style})
    return (
        geomap.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .targets(targets(*queries))
        .view(geomap.MapViewConfig().id("fit").all_layers(True).padding(8))
        .basemap(common.MapLayerOptions().type(MAP_TILES).name("Basemap"))
        .layers([layer])
        .controls(
            geomap.ControlsOptions()
            .show_zoom(True)
            .mouse_wheel_zoom(True)
            .show_attribution(True)
            .show_scale(True)
        )
        .tooltip(geomap.TooltipOptions().mode(geomap_model.TooltipMode.DETAILS))
    )


def words(title: str, description: str, markdown: str) -> text.Panel:
    """Text."""
    return text.Panel().title(title).description(description).mode(TextMode.MARKDOWN).content(markdown)


def set_to(path: str, value: object) -> DynamicConfigValue:
    """One property of an override."""
    return DynamicConfigValue(path, value)


def link(title: str, url: str, *, is_outside: bool = False) -> dashboard.DashboardLink:
    """A link of a value to another page."""
    return dashboard.DashboardLink(title).url(url).target_blank(is_outside)


def linked(url: str, title: str) -> DynamicConfigValue:
    """A column's cells lead there."""
    return set_to("links", [{"title": title, "url": url}])


def coloured_background() -> list[DynamicConfigValue]:
    """A table's cells in the colour of their threshold or name."""
    return [set_to("custom.cellOptions", {"type": "color-background", "mode": "basic"})]


def by_thresholds() -> Any:
    """Colour by thresholds."""
    return dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS)

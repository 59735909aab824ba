"""Asks what Grafana asks: the options of variables, and the answer of each target, as columns and series."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from dashboards.preview.expansion import Chosen, Span, expanded, interval_s, span_of

TIMEOUT_S = 60.0
Tags = Mapping[str, str]


class RefusedQueryError(Exception):
    """A server refuses a query; the message has both."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One series: its tags or labels, columns with `time` (Unix milliseconds) first, and its rows."""

    name: str
    tags: Tags
    columns: list[str]
    rows: list[list[Any]]


@dataclass(frozen=True, slots=True)
class PanelAnswer:
    """A panel as JSON, and what each target's query was and gave."""

    panel: Mapping[str, Any]
    title: str
    span: Span
    queries: list[str] = field(default_factory=list)
    series: list[list[Answered]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the store and the metrics are; the token reads."""

    influx_url: str
    influx_token: str
    prometheus_url: str | None
    scrape_s: int = 15

    def influxql(self, query: str, *, database: str = "live") -> list[Answered]:
        """Ask InfluxDB; raises RefusedQueryError."""
        asked = urlencode({"db": database, "q": query, "epoch": "ms"})
        found = _json(
            f"{self.influx_url}/query?{asked}", {"Authorization": f"Token {self.influx_token}"}, query
        )
        errors = [each["error"] for each in found["results"] if "error" in each]
        if errors:
            raise RefusedQueryError(f"{errors[0]}: {query}")
        return [
            Answered(each["name"], each.get("tags", {}), each["columns"], each["values"])
            for result in found["results"]
            for each in result.get("series", [])
        ]

    def promql(self, expr: str, span: Span, *, is_instant: bool) -> list[Answered]:
        """Ask Prometheus, over the span or at its end; raises RefusedQueryError."""
        if self.prometheus_url is None:
            return []
        path = "query" if is_instant else "query_range"
        over = (
            {"time": span.to_s}
            if is_instant
            else {"start": span.from_s, "end": span.to_s, "step": span.interval_s}
        )
        found = _json(f"{self.prometheus_url}/api/v1/{path}?{urlencode({'query': expr, **over})}", {}, expr)
        return [
            Answered("", each["metric"], ["time", "value"], _points(each)) for each in found["data"]["result"]
        ]


def choices(dashboard: Mapping[str, Any], servers: Servers, wanted: Mapping[str, str]) -> dict[str, Chosen]:
    """What each variable is, from the first to the last: as wanted, else all, else its first option."""
    chosen: dict[str, Chosen] = {}
    no_time = Span(0, 0, 1)
    for variable in dashboard["templating"]["list"]:
        name, kind = variable["name"], variable["type"]
        if kind == "datasource":
            chosen[name] = Chosen((name,), name)
        elif kind == "custom":
            options = {each["value"]: each["text"] for each in variable["options"]}
            value = wanted.get(name, next(iter(options)))
            chosen[name] = Chosen((value,), options[value])
        elif name in wanted:
            chosen[name] = Chosen((wanted[name],), wanted[name])
        elif variable.get("includeAll") and "allValue" in variable:
            chosen[name] = Chosen((), "All", variable["allValue"])
        else:
            found = tuple(options_of(servers.influxql(expanded(variable["query"], chosen, no_time)))) or ("",)
            chosen[name] = Chosen(found, "All") if variable.get("includeAll") else Chosen(found[:1], found[0])
    return chosen


def options_of(answered: list[Answered]) -> list[str]:
    """A variable's options: the second column of each row, as Grafana reads an answer of InfluxDB."""
    return sorted({str(row[1]) for series in answered for row in series.rows if row[1] is not None})


def answers(
    dashboard: Mapping[str, Any],
    servers: Servers,
    chosen: Mapping[str, Chosen],
    *,
    now_s: int,
    timed: Callable[[str, Callable[[], list[Answered]]], list[Answered]] = lambda _query, ask: ask(),
) -> list[PanelAnswer]:
    """Every panel with what its queries give; `timed` is called around each."""
    found = []
    for panel in dashboard["panels"]:
        span = _span_of_panel(dashboard, panel, now_s)
        answer = PanelAnswer(panel, expanded(panel.get("title", ""), chosen, span), span)
        for target in panel.get("targets", []):
            query = expanded(target.get("query") or target["expr"], chosen, span, scrape_s=servers.scrape_s)
            answer.queries.append(query)
            answer.series.append(timed(query, partial(_ask, servers, target, query, span)))
        found.append(answer)
    return found


def _ask(servers: Servers, target: Mapping[str, Any], query: str, span: Span) -> list[Answered]:
    if target["datasource"]["type"] == "influxdb":
        return servers.influxql(query)
    return servers.promql(query, span, is_instant=bool(target.get("instant")))


def _span_of_panel(dashboard: Mapping[str, Any], panel: Mapping[str, Any], now_s: int) -> Span:
    time = dashboard["time"]
    if panel.get("timeFrom"):
        time = {"from": f"now-{panel['timeFrom']}", "to": "now"}
    whole = span_of(time, now_s=now_s, interval_s=1)
    return Span(whole.from_s, whole.to_s, interval_s(panel, whole.to_s - whole.from_s))


def _points(result: Mapping[str, Any]) -> list[list[Any]]:
    pairs = result["values"] if "values" in result else [result["value"]]
    return [[int(float(at) * 1000), float(value)] for at, value in pairs]


def _json(url: str, headers: Mapping[str, str], query: str) -> Any:
    try:
        with urlopen(Request(url, headers=dict(headers)), timeout=TIMEOUT_S) as answer:  # noqa: S310 - our own servers
            return json.load(answer)
    except HTTPError as error:
        raise RefusedQueryError(
            f"{error.code} {error.read().decode(errors='replace')[:300]}: {query}"
        ) from error

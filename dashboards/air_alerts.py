"""Grafana's alerts on the air: limits exceeded or about to be, many neighbours at once, one sensor alone.

Limits are the laxest of a day's that `contracts` knows of a measure. A rule gives an alert for each city, by
its tags; queries tell their own time, for a rule's range cannot reach into what is forecast.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.air_quality_indices import INDEX_MEASURES, LIMITS
from contracts.measures import MEASURE_BY_NAME, Measure
from contracts.stored import FORECASTS_NEWEST, HIGHEST, PLACE_HOURS, PLACE_RANKS
from dashboards.places import FIRST_BUCKET, NEWEST_HOUR, PLACE
from dashboards.queries import stored
from dashboards.scales import title_of

FOLDER, GROUP = "Luftstrom", "air"
INFLUX_UID = "luftstrom-influx"  # as provisioning/datasources names it
EXPRESSION_UID = "__expr__"
EVERY, LASTING = "10m", "1h"
SENSORS_MIN = 4  # fewer are no neighbourhood
ALONE_FACTOR = 2.0
RANGE_S = 6 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alert of a measure: InfluxQL by letter, a condition over the letters, and what is said of it."""

    name: str
    title: str
    queries: Mapping[str, str]
    condition: str
    summary: str
    severity: str
    lasting: str = "0s"


def air_alerts_text() -> str:
    """The rules as Grafana reads them from a file in provisioning/alerting."""
    rules = [rule for name in INDEX_MEASURES for rule in _rules(MEASURE_BY_NAME[name])]
    group = {"orgId": 1, "name": GROUP, "folder": FOLDER, "interval": EVERY, "rules": rules}
    return (
        json.dumps({"apiVersion": 1, "groups": [group]}, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    )


def limit_of(measure: Measure) -> float:
    """The laxest limit of a day's mean, µg/m³."""
    return max(each.ug_m3 for each in LIMITS if each.measure == measure.name and each.period == "day")


def _rules(measure: Measure) -> list[dict[str, Any]]:
    limit, title = limit_of(measure), title_of(measure)
    mean, median, highest = (_newest(measure, part) for part in ("mean", "median", "highest"))
    sensors = _newest(measure, "sensors")
    place = f"{title} in {{{{ $labels.city }}}}, {{{{ $labels.country }}}}"
    rules = [
        Rule(
            name="limit-exceeded",
            title=f"{title} above {limit:g} µg/m³ for an hour",
            queries={"A": mean},
            condition=f"$A > {limit:g}",
            summary=f"{place}: {{{{ $values.A }}}} µg/m³, the mean of the last full hour.",
            severity="warning",
            lasting=LASTING,
        ),
        Rule(
            name="limit-forecast",
            title=f"{title} forecast above {limit:g} µg/m³",
            queries={"A": _forecast(measure)},
            condition=f"$A > {limit:g}",
            summary=f"{place} is forecast to reach {{{{ $values.A }}}} µg/m³ within 24 hours.",
            severity="info",
        ),
        Rule(
            name="many-at-once",
            title=f"{title}: half of a city's sensors above {limit:g} µg/m³ at once",
            queries={"A": median, "B": sensors},
            condition=f"$A > {limit:g} && $B >= {SENSORS_MIN}",
            summary=f"{place}: the median of {{{{ $values.B }}}} sensors is {{{{ $values.A }}}} µg/m³. "
            "It is the air, not a sensor.",
            severity="warning",
        ),
        Rule(
            name="one-alone",
            title=f"{title}: one sensor alone far above its neighbours",
            queries={"A": median, "B": highest, "C": sensors},
            condition=f"$B > {ALONE_FACTOR * limit:g} && $A < {limit:g} && $C >= {SENSORS_MIN}",
            summary=f"{place}: one sensor shows {{{{ $values.B }}}} µg/m³, half of the others at most "
            "{{ $values.A }}. It is likely the sensor, or a fire beside it.",
            severity="info",
            lasting=LASTING,
        ),
    ]
    return [_provisioned(rule, measure) for rule in rules]


def _newest(measure: Measure, part: str) -> str:
    """The newest hour's mean, median, number of sensors, or highest sensor of each city."""
    name, where = f"{measure.field}_{part}", NEWEST_HOUR
    table = stored(PLACE_HOURS)
    if part == "sensors":
        name = f"{measure.name}_sensors"
    elif part == "highest":
        name, table = f"{measure.field}_mean", stored(PLACE_RANKS)
        where = f"{where} AND \"extreme\" = '{HIGHEST}' AND \"rank\" = '1'"
    return f'SELECT last("{name}") AS "{part}" FROM {table} WHERE {where} GROUP BY {PLACE}'


def _forecast(measure: Measure) -> str:
    """The highest hour of the next 24: the median, averaged over a city's sensors."""
    ahead = "time >= now() AND time < now() + 24h"
    hours = (
        f'SELECT mean("q50") AS "mean" FROM {stored(FORECASTS_NEWEST)} WHERE {ahead} '
        f"AND \"measure\" = '{measure.name}' GROUP BY time(1h), {PLACE} fill(none)"
    )
    around = f"time >= now() - {FIRST_BUCKET} AND time < now() + 24h"
    return f'SELECT max("mean") AS "highest" FROM ({hours}) WHERE {around} GROUP BY {PLACE}'


def _provisioned(rule: Rule, measure: Measure) -> dict[str, Any]:
    """Queries under letters of their own, reduced to the letters that the condition names."""
    data = [_influx(f"{letter}_series", query) for letter, query in rule.queries.items()]
    data += [_expression(letter, "reduce", f"{letter}_series", reducer="last") for letter in rule.queries]
    data.append(_expression("Z", "math", rule.condition))
    return {
        "uid": f"luftstrom-{measure.name}-{rule.name}",
        "title": rule.title,
        "condition": "Z",
        "data": data,
        "for": rule.lasting,
        "noDataState": "OK",
        "execErrState": "Error",
        "labels": {"severity": rule.severity, "measure": measure.name, "source": "luftstrom"},
        "annotations": {"summary": rule.summary, "runbook": f"docs/runbooks/alert-{rule.name}.md"},
        "isPaused": False,
    }


def _influx(ref_id: str, query: str) -> dict[str, Any]:
    model = {
        "refId": ref_id,
        "query": query,
        "rawQuery": True,
        "resultFormat": "time_series",
        "datasource": {"type": "influxdb", "uid": INFLUX_UID},
    }
    time = {"from": RANGE_S, "to": 0}
    return {"refId": ref_id, "datasourceUid": INFLUX_UID, "relativeTimeRange": time, "model": model}


def _expression(ref_id: str, kind: str, expression: str, **more: str) -> dict[str, Any]:
    source = {"type": EXPRESSION_UID, "uid": EXPRESSION_UID}
    model = {"refId": ref_id, "type": kind, "expression": expression, "datasource": source, **more}
    time = {"from": 0, "to": 0}
    return {"refId": ref_id, "datasourceUid": EXPRESSION_UID, "relativeTimeRange": time, "model": model}

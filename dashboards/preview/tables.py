"""The rows of a table or map: tags beside columns, after the transformations of the panel."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dashboards.preview.answers import Answered, PanelAnswer

Row = dict[str, Any]

SHOWN_NAMES = {"time": "Time", "value": "Value"}  # as Grafana calls them


class UnknownTransformationError(Exception):
    """A panel has a transformation that a preview cannot do."""


def rows_of(answer: PanelAnswer) -> list[Row]:
    """The panel's rows; where it joins its queries, a row for each set of values that they share."""
    tables = [list(_rows(series)) for series in answer.series]
    for each in answer.panel.get("transformations", []):
        tables = _transformed(tables, each["id"], each["options"])
    return [row for table in tables for row in table]


def _rows(series: Sequence[Answered]) -> Iterator[Row]:
    for each in series:
        names = [SHOWN_NAMES.get(name, name) for name in each.columns]
        for values in each.rows:
            yield {**dict(zip(names, values, strict=True)), **each.tags}


def _transformed(tables: list[list[Row]], kind: str, options: Mapping[str, Any]) -> list[list[Row]]:
    if kind == "filterFieldsByName":
        return [[_without(row, options["exclude"]["names"]) for row in table] for table in tables]
    if kind == "organize":
        left_out = [name for name, is_out in options.get("excludeByName", {}).items() if is_out]
        order = options.get("indexByName", {})
        return [[_ordered(_without(row, left_out), order) for row in table] for table in tables]
    if kind == "merge":
        return [_merged(tables)]
    raise UnknownTransformationError(kind)


def _merged(tables: list[list[Row]]) -> list[Row]:
    columns = [set(table[0]) for table in tables if table]
    shared = sorted(set.intersection(*columns)) if columns else []
    rows: dict[tuple[Any, ...], Row] = {}
    for table in tables:
        for row in table:
            rows.setdefault(tuple(row[name] for name in shared), {}).update(row)
    return list(rows.values())


def _without(row: Row, names: Sequence[str]) -> Row:
    return {name: value for name, value in row.items() if name not in names}


def _ordered(row: Row, order: Mapping[str, int]) -> Row:
    return dict(sorted(row.items(), key=lambda pair: order.get(pair[0], len(order))))

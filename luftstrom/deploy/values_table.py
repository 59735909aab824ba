"""The table of the chart's values in its README: meanings of the schema, defaults of values.yaml."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

BEGINS, ENDS = "<!-- values: written by `make chart` -->", "<!-- end of values -->"


def values_table(chart: Path) -> str:
    """Every value, by its path, as a table of Markdown."""
    schema = json.loads((chart / "values.schema.json").read_text())
    values = yaml.safe_load((chart / "values.yaml").read_text())
    rows = [
        f"| `{path}` | {_shown(default)} | {about} |" for path, default, about in _leaves(schema, values, "")
    ]
    return "\n".join(["| value | default | meaning |", "| --- | --- | --- |", *rows])


def with_table(readme: str, table: str) -> str:
    """The README with the table between its marks."""
    before, _, rest = readme.partition(BEGINS)
    _, _, after = rest.partition(ENDS)
    return f"{before}{BEGINS}\n{table}\n{ENDS}{after}"


def _leaves(schema: dict[str, Any], values: Any, path: str) -> Iterator[tuple[str, Any, str]]:
    for name, value in values.items():
        described = schema["properties"][name]
        here = f"{path}.{name}" if path else name
        if "properties" in described:
            yield from _leaves(described, value, here)
        else:
            yield here, value, described["description"]


def _shown(default: Any) -> str:
    if default in ("", None):
        return "–"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"

"""What Grafana does with a query before it sends it: variables, time and interval put in their places."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ALL = "$__all"
REFERENCE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)")
_REGEX_SPECIAL = re.compile(r"[\\^$*+?.()|\[\]{}/]")
UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
RATE_INTERVALS = 4


class UnknownVariableError(Exception):
    """A query names a variable that its dashboard does not have."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A variable's value, several of one that takes several; `text` is what the reader sees."""

    values: tuple[str, ...]
    text: str
    all_value: str | None = None

    def written(self, style: str | None) -> str:
        """The value in a style of Grafana: plain, `regex`, `text`, `percentencode`, `raw`, `queryparam`."""
        if style == "text":
            return self.text
        if self.all_value is not None:
            return self.all_value
        if style == "regex":
            escaped = [_REGEX_SPECIAL.sub(lambda found: "\\" + found.group(), value) for value in self.values]
            return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
        return ",".join(self.values)


@dataclass(frozen=True, slots=True)
class Span:
    """The time of a dashboard, Unix seconds, and the seconds between two points of a panel."""

    from_s: int
    to_s: int
    interval_s: int

    @property
    def influx_filter(self) -> str:
        """What `$timeFilter` stands for."""
        return f"time >= {self.from_s}000ms AND time <= {self.to_s}000ms"


def expanded(query: str, chosen: Mapping[str, Chosen], span: Span, *, scrape_s: int = 15) -> str:
    """The query as it is sent; raises UnknownVariableError where it names what nobody chose."""
    builtin = {
        "timeFilter": span.influx_filter,
        "__interval": f"{span.interval_s}s",
        "__rate_interval": f"{max(span.interval_s + scrape_s, RATE_INTERVALS * scrape_s)}s",
        "__range": f"{span.to_s - span.from_s}s",
    }

    def value(found: re.Match[str]) -> str:
        name, style = found.group(1) or found.group(3), found.group(2)
        if name in builtin:
            return builtin[name]
        if name not in chosen:
            raise UnknownVariableError(f"${name} in {query}")
        return chosen[name].written(style)

    return REFERENCE.sub(value, query)


def span_of(time: Mapping[str, str], *, now_s: int, interval_s: int) -> Span:
    """The time of a dashboard that says `now-24h` to `now+24h`."""
    return Span(_moment(time["from"], now_s), _moment(time["to"], now_s), interval_s)


def seconds(text: str) -> int:
    """`5m` in seconds."""
    return int(text[:-1]) * UNIT_S[text[-1]]


def interval_s(panel: Mapping[str, Any], span_s: int, *, points: int = 600) -> int:
    """Seconds between two points of a panel: as its width allows, not below its own least interval."""
    least = seconds(panel["interval"]) if panel.get("interval") else 1
    raw = max(span_s // points, least, 1)
    return next((step for step in _ROUND_S if step >= raw), raw)


_ROUND_S = (
    1,
    2,
    5,
    10,
    15,
    20,
    30,
    60,
    120,
    300,
    600,
    900,
    1200,
    1800,
    3600,
    7200,
    10_800,
    21_600,
    43_200,
    86_400,
)


def _moment(text: str, now_s: int) -> int:
    if text == "now":
        return now_s
    sign = 1 if "+" in text else -1
    return now_s + sign * seconds(text[len("now") + 1 :])

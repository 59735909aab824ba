"""Names of the archive's daily files, and the pages that list them."""

import re
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import unquote

from scraper.selection import Selection

DAILY = re.compile(
    r"(?:.*/)?\d{4}-\d\d-\d\d_(?P<type>.+)_sensor_(?P<id>\d+)(?P<indoor>_indoor)?\.csv(?:\.gz)?"
)


class DailyName(NamedTuple):
    """What the name of a daily file tells: `2019-05-13_sds011_sensor_15092_indoor.csv`."""

    sensor_type: str
    sensor_id: int
    is_indoor: bool


class ListedFile(NamedTuple):
    """One link of a page; `edition` is what the page says of its date and size, to tell a new one by."""

    name: str
    edition: str


def daily_name(name: str) -> DailyName | None:
    """What a name tells, with or without its folder; None where it is not that of a daily file."""
    found = DAILY.fullmatch(name)
    return None if found is None else DailyName(found["type"], int(found["id"]), bool(found["indoor"]))


def listed_files(page: str) -> list[ListedFile]:
    """The daily files that a page of the archive links to, each once, in its order."""
    parser = _Links()
    parser.feed(page)
    parser.close()
    files = {
        name: ListedFile(name, " ".join("".join(parts).split()))
        for name, parts in parser.links
        if "/" not in name and daily_name(name)
    }
    return list(files.values())


def may_hold(name: DailyName, selection: Selection) -> bool:
    """Whether a file may hold what is asked for, as far as its name tells; its rows decide."""
    return (
        (not selection.sensor_ids or name.sensor_id in selection.sensor_ids)
        and (selection.indoor is None or name.is_indoor == selection.indoor)
        and (not selection.sensor_types or _is_one_of(name.sensor_type, selection.sensor_types))
    )


def _is_one_of(slug: str, sensor_types: frozenset[str]) -> bool:
    """Names have the type in small letters and sometimes in part: `laerm` is `DNMS (Laerm)`."""
    return any(_plain(slug) in _plain(sensor_type) for sensor_type in sensor_types)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


class _Links(HTMLParser):
    """Each link's target, and the text between it and the next link."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, list[str]]] = []
        self._is_in_link = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._is_in_link = True
            self.links.append((unquote(dict(attrs).get("href") or ""), []))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._is_in_link = False

    def handle_data(self, data: str) -> None:
        if self.links and not self._is_in_link:
            self.links[-1][1].append(data)

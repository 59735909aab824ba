"""What a person sees of dead letters: foreign bytes, shown so that they do nothing to a terminal."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.table import Table

from contracts.dead_letters import DeadLetter
from luftstrom import screen
from luftstrom.letters import Letter, Listed
from luftstrom.reinjecting import Report
from luftstrom.remedies import is_cut, is_reinjectable, remedy
from luftstrom.screen import TEXT_MAX, printable, shown
from scraper.reinjection import Outcome

MEANING_BY_OUTCOME = {
    Outcome.PUBLISHED: "read as readings",
    Outcome.REPEATED: "in the log already: counted as repeated",
    Outcome.DONE_BEFORE: "reinjected before: left alone",
    Outcome.TOO_YOUNG: "set aside a moment ago, the feed may still show them: in 15 minutes",
    Outcome.UNREADABLE: "still not readable: left where they are",
}


def show_letters(listed: Listed) -> None:
    """How many there are of each reason, then a table of the newest."""
    counts = listed.count_by_reason.most_common()
    screen.show_line(
        ", ".join(f"{printable(reason)} {number:,}" for reason, number in counts) or "no dead letters"
    )
    if not listed.newest:
        return
    table = Table("id", "time, UTC", "reason", "read from", "sensor", "original")
    for letter in listed.newest:
        content = letter.content
        sensor = "" if content.sensor_id is None else str(content.sensor_id)
        columns = (_time(letter), content.reason, _source(content), sensor, _beginning(content))
        table.add_row(letter.id, *map(shown, columns))
    screen.out.print(table)


def show_letter(letter: Letter) -> None:
    """All of one letter, its original at the end."""
    content = letter.content
    size = len(content.original)
    cut = f", the first of {content.original_size:,}" if is_cut(content) else ""
    rows = {
        "letter": letter.id,
        "reason": content.reason,
        "read from": _source(content),
        "time": f"{_time(letter)} UTC, {_meaning_of_time(letter)}",
        "sensor": "not told" if content.sensor_id is None else str(content.sensor_id),
        "what helps": _help(content),
        "original": f"{size:,} bytes{cut}",
    }
    for name, value in rows.items():
        screen.show_line(f"{name:<11}{printable(value)}")
    for line in original_text(content.original).splitlines():
        screen.show_line(line)


def show_report(report: Report, *, is_dry_run: bool) -> None:
    """What became of the letters, or would, by reason."""
    screen.show_line("a dry run; nothing is written" if is_dry_run else "reinjected")
    for (reason, outcome), number in sorted(report.outcomes.items()):
        screen.show_line(f"{number:,} {printable(reason)}: {MEANING_BY_OUTCOME[outcome]}")
    for (reason, what_helps), number in sorted(report.remedies.items()):
        screen.show_line(f"{number:,} {printable(reason)}: not reinjected; {what_helps}")
    if not report.outcomes and not report.remedies:
        screen.show_line("no dead letters")
    if report.count(Outcome.PUBLISHED):
        screen.show_line(
            "Their values reach the store within seconds; windows that closed do not take them: "
            "`luftstrom replay --job aggregate` does."
        )


def listed_as_json(listed: Listed) -> dict[str, Any]:
    """The same as `show_letters` for programs."""
    return {
        "count_by_reason": dict(listed.count_by_reason),
        "newest": [letter_as_json(letter) for letter in listed.newest],
    }


def letter_as_json(letter: Letter) -> dict[str, Any]:
    """One letter for programs; bytes that are no text are replaced."""
    content = letter.content
    return {
        "id": letter.id,
        "at_s": letter.at_s,
        "reason": content.reason,
        "source": _source(content),
        "sensor_id": content.sensor_id,
        "original": content.original.decode(errors="replace"),
        "original_size": content.original_size,
    }


def original_text(original: bytes) -> str:
    """Indented, if it is JSON; what a terminal might act on is escaped in any case."""
    try:
        text = msgspec.json.format(original, indent=2).decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        text = original.decode(errors="backslashreplace")
    return "".join(each if each.isprintable() or each == "\n" else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _help(content: DeadLetter) -> str:
    if is_reinjectable(content):
        return "`luftstrom dead-letters reinject`, if it can be read now"
    return remedy(content)


def _time(letter: Letter) -> str:
    return datetime.fromtimestamp(letter.at_s, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def _meaning_of_time(letter: Letter) -> str:
    return "when it was observed" if letter.is_dated_by_reading else "when it was set aside"


def _source(content: DeadLetter) -> str:
    if content.source_topic is None:
        return "the scraper's feed" if content.door is None else f"the scraper's {content.door} door"
    return f"{content.source_topic}/{content.source_partition}@{content.source_offset}"


def _beginning(content: DeadLetter) -> str:
    text = content.original[: 2 * TEXT_MAX].decode(errors="replace")
    return text if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "…"

"""`luftstrom dead-letters reinject`: refused records back through the scraper's door, a chunk at a time."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from luftstrom.letters import Letter
from luftstrom.remedies import door_of, is_reinjectable, remedy
from scraper.reinjection import Outcome, RefusedRecord, Surroundings, reinject

CHUNK_LETTERS = 10_000
CHUNK_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Report:
    """How many letters of each reason came to what, and what helps with those that are not reinjected."""

    outcomes: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    remedies: Counter[tuple[str, str]] = field(default_factory=Counter)

    def count(self, outcome: Outcome) -> int:
        """Letters that came to this."""
        return sum(number for (_, each), number in self.outcomes.items() if each is outcome)


@dataclass(slots=True)
class _Chunk:
    refused: list[RefusedRecord] = field(default_factory=list)
    size: int = 0

    def add(self, letter: Letter) -> None:
        content = letter.content
        self.refused.append(RefusedRecord(letter.id, content.reason, letter.at_s, content.original))
        self.size += len(content.original)

    @property
    def is_full(self) -> bool:
        return len(self.refused) >= CHUNK_LETTERS or self.size >= CHUNK_BYTES


def reinjected(letters: Iterable[Letter], around: Surroundings, *, is_dry_run: bool) -> Report:
    """Reinject what can be; what cannot stays where it is, with its remedy in the report.

    Raises UnavailableError where Kafka or Redis is away; a second run goes on from there.
    """
    report = Report()
    chunk_by_door: dict[str, _Chunk] = {}
    for letter in letters:
        if not is_reinjectable(letter.content):
            report.remedies[letter.content.reason, remedy(letter.content)] += 1
            continue
        door = door_of(letter.content)
        chunk = chunk_by_door.setdefault(door, _Chunk())
        chunk.add(letter)
        if chunk.is_full:
            _reinject(chunk_by_door.pop(door), door, around, report, is_dry_run=is_dry_run)
    for door, chunk in chunk_by_door.items():
        _reinject(chunk, door, around, report, is_dry_run=is_dry_run)
    return report


def _reinject(chunk: _Chunk, door: str, around: Surroundings, report: Report, *, is_dry_run: bool) -> None:
    outcomes = reinject(chunk.refused, door, around, is_dry_run=is_dry_run)
    report.outcomes.update((each.reason, outcomes[each.letter_id]) for each in chunk.refused)

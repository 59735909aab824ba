"""Polls that Redis has not confirmed: what they add to the totals, and which part of it an id stands for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce

from scraper.memory import PublishedIds, added, refusal_id
from scraper.parsing import Parsed


@dataclass(slots=True)
class _Poll:
    totals: dict[str, int]
    counts_by_id: dict[int, Mapping[str, int]]


class Unremembered:
    """Oldest first; the mark of a poll tells which of them Redis took, though its answer never came."""

    def __init__(self) -> None:
        self._poll_by_mark: dict[str, _Poll] = {}

    def __len__(self) -> int:
        return len(self._poll_by_mark)

    def add(self, mark: str, totals: Mapping[str, int], fresh: Parsed) -> None:
        """A poll with its totals, and what was published of it."""
        counts_by_id = {each.id: _counts_of_reading(each.values, each.ignored) for each in fresh.readings}
        for letter in fresh.letters:
            counts_by_id[refusal_id(letter.original)] = {"refused": 1, f"refused_{letter.reason}": 1}
        self._poll_by_mark[mark] = _Poll(dict(totals), counts_by_id)

    def settle(self, known: PublishedIds, *, mark: str) -> None:
        """Leave what Redis has not counted, it having these ids and this mark.

        Polls up to the mark are done. In the others, an id that it knows was published by another scraper,
        or by one that was killed, and is a repeat.
        """
        marks = list(self._poll_by_mark)
        for done in marks[: marks.index(mark) + 1] if mark in marks else []:
            del self._poll_by_mark[done]
        for poll in self._poll_by_mark.values():
            for number in [each for each in poll.counts_by_id if each in known]:
                for name, count in poll.counts_by_id.pop(number).items():
                    poll.totals[name] -= count
                poll.totals["repeated"] += 1

    def totals(self) -> dict[str, int]:
        """All of them together."""
        return reduce(added, (poll.totals for poll in self._poll_by_mark.values()), {})

    def drop_ids(self, *, but: PublishedIds) -> None:
        """Ids that cannot come again can be nobody's repeat; the totals stay."""
        for poll in self._poll_by_mark.values():
            poll.counts_by_id = {n: counts for n, counts in poll.counts_by_id.items() if n in but}

    def clear(self) -> None:
        """All is remembered."""
        self._poll_by_mark.clear()


@lru_cache(maxsize=1_000)
def _counts_of_reading(values: int, ignored: int) -> Mapping[str, int]:
    """What a published reading adds to the totals, but for `fetched`, which it stays in whatever it is."""
    return {"published": 1, "values_published": values, "values_ignored": ignored}

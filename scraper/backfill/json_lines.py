"""Files of one upstream record a line: recordings."""

from collections.abc import Iterable, Iterator

from contracts.dead_letters import DeadLetter, Reason, dead_letter
from contracts.errors import BadInputError
from scraper.backfill.lines import CutLine
from scraper.parsing import Reading, parsed_record


def records_of(lines: Iterable[bytes], *, name: str, latest_s: float) -> Iterator[Reading | DeadLetter]:
    """A reading or a dead letter for each line that is not empty.

    Raises BadInputError at a last line that is cut short.
    """
    is_cut = False
    for line in lines:
        record = line.strip()
        if not record:
            continue
        try:
            yield parsed_record(record, latest_s=latest_s)
        except BadInputError as error:
            is_cut = isinstance(line, CutLine)
            yield dead_letter(Reason.TRUNCATED_PAYLOAD if is_cut else Reason(error.reason), record)
    if is_cut:
        raise BadInputError("cut_short", f"{name} ends in the middle of a record: it is set aside")

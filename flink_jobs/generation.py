"""Generations of a job's state: an upgrade that the old state does not fit begins a new one.

A generation has its own consumer groups and transactions and starts some hours back in the log with empty
state (takeover.py); the keys and times of what it writes again are the same, so readers take the overlap
without harm.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import UnavailableError
from flink_jobs.checkpoints import newest_snapshot
from flink_jobs.environment import checkpoints_dir, savepoints_dir

# A reading is repeated in the feed for some minutes, and after an outage of ours for an hour or so.
STARTS_BACK_S = 2 * 3600


@dataclass(frozen=True, slots=True)
class Generation:
    """The first has the plain prefix and begins with the log; later ones begin at a time, Unix seconds."""

    number: int = 1
    starts_at_s: int | None = None

    def prefix(self, base: str) -> str:
        """What names its groups and transactions."""
        return base if self.number == 1 else f"{base}-g{self.number}"

    @property
    def earlier(self) -> "tuple[Generation, ...]":
        """Those before it, the newest first."""
        return tuple(Generation(number) for number in range(self.number - 1, 0, -1))


def current_generation(state_dir: Path) -> Generation:
    """The generation that the state folder is of."""
    try:
        return Generation(**json.loads(_file(state_dir).read_text()))
    except FileNotFoundError:
        return Generation()


def begin_generation(state_dir: Path, *, force: bool = False) -> Generation:
    """Set the state of the stopped job aside and begin anew, two hours before it stopped.

    Raises UnavailableError where the job was not stopped cleanly: its open transactions would keep every
    reader waiting for up to ten minutes. `force` begins all the same.
    """
    folders = [checkpoints_dir(state_dir), savepoints_dir(state_dir)]
    newest = newest_snapshot(*folders)
    if newest is not None and folders[1] not in newest.parents and not force:
        raise UnavailableError(
            "the job did not stop cleanly: its newest snapshot is no savepoint. Start it again and stop it "
            "(a stop takes a savepoint), then upgrade; or force it, and readers may wait for ten minutes"
        )
    stopped_at_s = (newest / "_metadata").stat().st_mtime if newest else time.time()
    before = current_generation(state_dir)
    aside = state_dir / f"generation-{before.number}"
    aside.mkdir(parents=True)
    for folder in folders:
        if folder.exists():
            folder.rename(aside / folder.name)
    after = Generation(before.number + 1, round(stopped_at_s) - STARTS_BACK_S)
    _file(state_dir).write_text(json.dumps({"number": after.number, "starts_at_s": after.starts_at_s}))
    return after


def _file(state_dir: Path) -> Path:
    return state_dir / "generation.json"

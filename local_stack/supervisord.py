"""`python -m local_stack.supervisord`: supervisord, with an end to the growth of its back-off.

Its own pause grows by a second with each start that fails at once, for ever: after a night with a full disk
it would be minutes until the stack is tried again. It has no setting for that.
"""

import time
from typing import Any

import supervisor.process
from supervisor import supervisord
from supervisor.states import ProcessStates

BACKOFF_S_MAX = 15


class PatientProcess(supervisor.process.Subprocess):  # type: ignore[misc]  # untyped
    """A program that is tried again after at most `BACKOFF_S_MAX` seconds."""

    backoff: int
    delay: float

    def change_state(self, new_state: int, expected: bool = True) -> Any:
        """Change the state; a longer pause is cut."""
        changed = super().change_state(new_state, expected)
        if new_state == ProcessStates.BACKOFF and self.backoff > BACKOFF_S_MAX:
            self.backoff = BACKOFF_S_MAX
            self.delay = time.time() + BACKOFF_S_MAX
        return changed


def main() -> None:
    """Run supervisord with its own command line."""
    supervisor.process.Subprocess = PatientProcess  # taken from there for each program
    supervisord.main()


if __name__ == "__main__":
    main()

"""The two errors that have an answer; any other is our bug and is not caught."""


class BadInputError(ValueError):
    """Input that is wrong and always will be: set it aside with the reason and go on.

    `reason` is one of `contracts.dead_letters.Reason`, or a free word where no dead letter follows.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class UnavailableError(RuntimeError):
    """A part is down for now: retry with back-off, commit nothing, stay unready."""

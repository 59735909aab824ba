"""What a check found."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """How it is; only what is ill makes the whole ill."""

    WELL = "well"
    DOUBTFUL = "doubtful"
    ILL = "ill"
    UNASKED = "unasked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `remedy` is what to do next, empty where nothing is to be done."""

    what: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def well(what: str, detail: str) -> Finding:
    """As it should be."""
    return Finding(what, Verdict.WELL, detail)


def doubtful(what: str, detail: str, remedy: str) -> Finding:
    """It works, and should be looked at."""
    return Finding(what, Verdict.DOUBTFUL, detail, remedy)


def ill(what: str, detail: str, remedy: str) -> Finding:
    """It does not work, or soon will not."""
    return Finding(what, Verdict.ILL, detail, remedy)


def unasked(what: str, why: str) -> Finding:
    """Nobody could be asked, for a reason that is told elsewhere or is no failure."""
    return Finding(what, Verdict.UNASKED, why)


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether nothing is ill."""
    return all(finding.verdict is not Verdict.ILL for finding in findings)


def findings_as_json(findings: Iterable[Finding]) -> dict[str, Any]:
    """The same for programs."""
    found = list(findings)
    return {"is_well": is_well(found), "findings": [asdict(finding) for finding in found]}

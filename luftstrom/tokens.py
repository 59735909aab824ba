"""The scoped tokens of InfluxDB: which there are, and new ones in their place."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from collector.bootstrap import TokenFolder, rotate_tokens
from collector.bootstrap.tokens import SCOPES, Scope
from contracts.stored import ORG
from local_stack.provisioning import operator_token
from local_stack.settings import Settings


@dataclass(frozen=True, slots=True)
class HeldToken:
    """One scope, and the file that holds its token; `is_there` whether it does."""

    scope: Scope
    file: Path
    is_there: bool


def held_tokens(settings: Settings) -> list[HeldToken]:
    """Every scope with its file; no token itself is told."""
    folder = TokenFolder(settings.secrets_dir)
    return [
        HeldToken(scope, folder.path(scope.name), folder.read(scope.name) is not None) for scope in SCOPES
    ]


def rotated(names: Sequence[str], settings: Settings) -> list[str]:
    """Rotate these tokens, all where none is named; the names that were."""
    return rotate_tokens(
        names,
        url=settings.influx_address,
        org=ORG,
        operator_token=operator_token(settings),
        tokens=TokenFolder(settings.secrets_dir),
    )

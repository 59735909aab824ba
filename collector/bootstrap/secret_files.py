"""Secrets as files that only their owner can read."""

import secrets
from collections.abc import Callable
from pathlib import Path

TOKEN_BYTES = 32

COLLECTOR_TOKEN = "collector.token"  # noqa: S105 - a file's name
READER_TOKEN = "reader.token"  # noqa: S105
OPERATOR_TOKEN = "operator.token"  # noqa: S105


class TokenFolder:
    """A TokenStore of one file a token, `collector.token`, mode 0600."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> str | None:
        """The token of that name; None where there is none."""
        try:
            return self.path(name).read_text().strip() or None
        except FileNotFoundError:
            return None

    def store(self, name: str, token: str) -> None:
        """Put the token in place of any other, at one moment."""
        store_secret(self.path(name), token)

    def path(self, name: str) -> Path:
        """The file of the token of that name."""
        return self._folder / f"{name}.token"


def operator_token_in(secrets_dir: Path) -> str:
    """The operator token of this folder, made at the first call."""
    return kept_secret(secrets_dir / OPERATOR_TOKEN)


def kept_secret(path: Path) -> str:
    """The secret in this file, made at the first call."""
    return _stored_or(path, lambda: secrets.token_urlsafe(TOKEN_BYTES))


def store_secret(path: Path, secret: str) -> None:
    """Write a secret that only the owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = path.with_suffix(".new")
    made.unlink(missing_ok=True)
    made.touch(mode=0o600)
    made.write_text(secret)
    made.replace(path)


def _stored_or(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        store_secret(path, make())
    return path.read_text().strip()

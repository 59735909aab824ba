"""A secret in a file, as clusters and compose hand it over."""

from pathlib import Path

from contracts.errors import UnavailableError


def secret_in(path: Path) -> str:
    """The secret, without white space around it; raises UnavailableError where there is none."""
    try:
        secret = path.read_text().strip()
    except OSError as error:
        raise UnavailableError(f"no secret in {path}: {error.strerror}") from error
    if not secret:
        raise UnavailableError(f"no secret in {path}: the file is empty")
    return secret

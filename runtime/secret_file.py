"""A secret in a file, as clusters and compose hand it over."""

from pathlib import Path

from contracts.errors import UnavailableError
from runtime.settings import RoomSettings, SettingsError, environment_name


def secret_in(path: Path) -> str:
    """The secret, without white space around it; raises UnavailableError where there is none."""
    try:
        secret = path.read_text().strip()
    except OSError as error:
        raise UnavailableError(f"no secret in {path}: {error.strerror}") from error
    if not secret:
        raise UnavailableError(f"no secret in {path}: the file is empty")
    return secret


def secret_of(settings: RoomSettings, field: str, remedy: str) -> str:
    """The secret in the file that a setting names; raises SettingsError, naming it and the remedy."""
    path = Path(getattr(settings, field))
    try:
        return secret_in(path)
    except UnavailableError as error:
        name = environment_name(type(settings), field)
        raise SettingsError(f"{name}={path}: {error}. Set {name} to {remedy}.") from error

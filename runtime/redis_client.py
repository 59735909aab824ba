"""The Redis (or Valkey) client, as every room wants it. Its twin in unit tests is `fakeredis`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from contracts.errors import UnavailableError
from runtime.secret_file import secret_in

TIMEOUT_S = 5.0


def connect_redis(url: str, *, password_file: Path | None = None, ca_file: Path | None = None) -> redis.Redis:
    """A client of bytes; connects on first use, waits at most `TIMEOUT_S` for an answer.

    Over TLS (`rediss://`) the server shows a certificate of `ca_file`, or of the system's CAs.
    Raises UnavailableError where the password is not in its file.
    """
    password = {} if password_file is None else {"password": secret_in(password_file)}
    authority = {} if ca_file is None else {"ssl_ca_certs": str(ca_file)}
    return redis.Redis.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        health_check_interval=30,
        **password,
        **authority,
    )


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn the client's connection errors inside the block into UnavailableError."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise UnavailableError(f"Redis does not answer: {error}") from error
    except redis.ResponseError as error:
        # Loading its file after a restart, out of memory, or a replica: all of them pass.
        raise UnavailableError(f"Redis refuses: {error}") from error

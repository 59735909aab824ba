"""The Valkey server, in the Redis protocol."""

from pathlib import Path

import redis

from contracts.errors import UnavailableError
from local_stack.settings import LOOPBACK


def valkey_command(valkey_server: Path, data_dir: Path, *, port: int) -> list[str]:
    """The server's command line; what it has acknowledged is in the append-only file.

    With `everysec` it holds back what it acknowledged for up to two seconds while a busy disk syncs, and a
    kill then loses it: a poll whose totals are gone is never counted.
    """
    return [
        str(valkey_server),
        "--bind", LOOPBACK,
        "--port", str(port),
        "--dir", str(data_dir),
        "--appendonly", "yes",
        "--appendfsync", "always",
        "--save", "",
        "--maxmemory", "256mb",
        "--maxmemory-policy", "noeviction",
        "--loglevel", "warning",
        "--daemonize", "no",
        # Its title is written over its environment, which holds the mark that a leftover is found by.
        "--set-proc-title", "no",
    ]  # fmt: skip


def require_valkey(url: str) -> None:
    """Raise UnavailableError until the server answers."""
    client = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    try:
        client.ping()
    except redis.RedisError as error:
        raise UnavailableError(f"no Redis or Valkey at {url}: {error}") from error
    finally:
        client.close()

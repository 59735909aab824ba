"""The Valkey server, in the Redis protocol."""

from pathlib import Path

import redis

from contracts.errors import UnavailableError
from local_stack.settings import LOOPBACK


def valkey_command(valkey_server: Path, data_dir: Path, *, port: int) -> list[str]:
    """The server's command line; every change goes to the append-only file."""
    return [
        str(valkey_server),
        "--bind", LOOPBACK,
        "--port", str(port),
        "--dir", str(data_dir),
        "--appendonly", "yes",
        "--appendfsync", "everysec",
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

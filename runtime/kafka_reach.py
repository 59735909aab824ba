"""Whether a broker can be reached at all, before a client is made for it."""

import socket

from contracts.errors import UnavailableError

REACH_TIMEOUT_S = 2.0  # stopping takes at most 10 s in all


def require_reachable(bootstrap_servers: str) -> None:
    """Raises UnavailableError where none of the addresses takes a connection, with each one's reason.

    kafka-python leaks a thread and sockets where it finds no broker, and librdkafka tries for ever.
    """
    errors = []
    for address in bootstrap_servers.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=REACH_TIMEOUT_S).close()
        except (OSError, ValueError) as error:
            errors.append(f"{address}: {error}")
        else:
            return
    raise UnavailableError(f"no Kafka at {', '.join(errors)}")

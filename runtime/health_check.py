"""`python -m runtime.health_check`: asks a process of this machine how it is, for a HEALTHCHECK."""

import argparse
import http.client
import sys

PORT = 9464  # where our images serve health and metrics (docker/Dockerfile)
TIMEOUT_S = 3.0


def main() -> int:
    """Exit code 0 where the process is well, else 1 with its reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m runtime.health_check", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, help="port of its health; %(default)s if not given")
    parser.add_argument("--path", default="/readyz", help="what to ask; %(default)s if not given")
    given = parser.parse_args()
    because = unwell_because(given.port, given.path)
    if because is not None:
        sys.stderr.write(f"{because}\n")
    return 0 if because is None else 1


def unwell_because(port: int, path: str) -> str | None:
    """What the process on that port of the loopback interface answers, unless it is well."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return f"no answer at port {port}: {error}"
    finally:
        connection.close()
    return None if answer.status == http.HTTPStatus.OK else body.decode(errors="replace")


if __name__ == "__main__":
    sys.exit(main())

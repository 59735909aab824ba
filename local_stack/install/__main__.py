"""`python -m local_stack.install`: install every part; what `make setup` calls."""

import sys

from contracts.errors import UnavailableError
from local_stack.install import install
from local_stack.install.flink_archive import install_flink_archive


def main() -> None:
    """Say what is done, line by line; exit code 2 with the remedy where something cannot be had."""
    try:
        installed = install(_say)
        install_flink_archive(installed.java, installed.connector_jars, installed.flink_cache, _say)
    except UnavailableError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()

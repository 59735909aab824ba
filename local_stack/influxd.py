"""The InfluxDB server."""

from pathlib import Path

import requests

from contracts.errors import UnavailableError
from local_stack.settings import LOOPBACK

# Go collects its garbage at half as much again as is in use, not at twice: less memory for a little CPU.
INFLUXD_ENVIRONMENT = {"GOGC": "50"}


def influxd_command(influxd: Path, data_dir: Path, *, port: int) -> list[str]:
    """The server's command line; all its data in one folder, no word to its vendor."""
    return [
        str(influxd), "run",
        "--bolt-path", str(data_dir / "influxd.bolt"),
        "--engine-path", str(data_dir / "engine"),
        "--sqlite-path", str(data_dir / "influxd.sqlite"),
        "--http-bind-address", f"{LOOPBACK}:{port}",
        "--reporting-disabled",
        "--log-level", "warn",
    ]  # fmt: skip


def require_influxd(url: str) -> None:
    """Raise UnavailableError until the server says it is well."""
    try:
        answer = requests.get(f"{url}/health", timeout=2)
    except requests.RequestException as error:
        raise UnavailableError(f"no InfluxDB at {url}: {error}") from error
    if answer.status_code != requests.codes.ok:
        raise UnavailableError(f"InfluxDB at {url} is not ready: {answer.text[:200]}")

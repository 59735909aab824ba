"""The Prometheus server."""

import json
from collections.abc import Mapping
from pathlib import Path

import requests

from contracts.errors import UnavailableError
from local_stack.settings import LOOPBACK


def prometheus_config(targets: Mapping[str, str], *, every_s: int, rules: Path | None = None) -> str:
    """A configuration that asks each job's address so often; JSON, which is YAML too."""
    return json.dumps(
        {
            "global": {"scrape_interval": f"{every_s}s", "evaluation_interval": f"{every_s}s"},
            "rule_files": [] if rules is None else [str(rules)],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [address]}]}
                for job, address in targets.items()
            ],
        },
        indent=1,
    )


def prometheus_command(server: Path, folder: Path, *, port: int) -> list[str]:
    """The server's command line; configuration and data in one folder."""
    return [
        str(server),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--log.level=warn",
    ]


def require_prometheus(url: str) -> None:
    """Raise UnavailableError until the server is ready."""
    try:
        answer = requests.get(f"{url}/-/ready", timeout=2)
    except requests.RequestException as error:
        raise UnavailableError(f"no Prometheus at {url}: {error}") from error
    if answer.status_code != requests.codes.ok:
        raise UnavailableError(f"Prometheus at {url} is not ready: {answer.text[:200]}")

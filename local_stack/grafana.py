"""Grafana, where the machine has one: found, provisioned with our dashboards and alerts, started."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import requests

from collector.bootstrap import kept_secret
from contracts.errors import UnavailableError
from local_stack.settings import LOOPBACK, Settings

GRAFANA = "grafana"  # its process
HOME = "GRAFANA_HOME"
USER = "luftstrom"
TOKEN = "grafana.token"  # noqa: S105 - the name of its file
PASSWORD = "grafana.password"  # noqa: S105 - the name of its file
PACKAGED_HOME = Path("/usr/share/grafana")  # where distributions put what is not the program
PROVISIONING = Path(__file__).parents[1] / "dashboards" / "provisioning"
DASHBOARDS = Path(__file__).parents[1] / "dashboards" / "generated"
# Where the files of `dashboards/provisioning` expect things.
TOKEN_PATH = "/etc/grafana/secrets/grafana.token"  # noqa: S105 - a path
DASHBOARDS_PATH = "/var/lib/grafana/dashboards/luftstrom"


def grafana_home(environment: Mapping[str, str]) -> Path | None:
    """The folder of the Grafana that GRAFANA_HOME names or PATH has; None where there is none.

    Raises UnavailableError where GRAFANA_HOME names no Grafana.
    """
    if named := environment.get(HOME):
        home = Path(named).expanduser()
        if not (home / "bin" / "grafana").is_file():
            raise UnavailableError(
                f"{HOME}={named} has no bin/grafana. Name the folder of an unpacked Grafana 12 or newer, "
                f"or unset {HOME} to start without one"
            )
        return home
    found = shutil.which("grafana", path=environment.get("PATH"))
    if found is None:
        return None
    beside = Path(found).resolve().parents[1]
    return next(
        (home for home in (beside, PACKAGED_HOME) if (home / "conf" / "defaults.ini").is_file()), None
    )


def prepare_grafana(settings: Settings) -> None:
    """Make its password, and write what it is provisioned with: ours, with the paths of this machine."""
    kept_secret(password_file(settings))
    paths = {
        TOKEN_PATH: str(settings.secrets_dir / TOKEN),
        DASHBOARDS_PATH: str(DASHBOARDS),
    }
    target = settings.grafana_dir / "provisioning"
    shutil.rmtree(target, ignore_errors=True)
    for kind in ("datasources", "dashboards", "alerting"):
        (target / kind).mkdir(parents=True)
        for file in (PROVISIONING / kind).iterdir():
            (target / kind / file.name).write_text(_replaced(file.read_text(), paths))


def password_file(settings: Settings) -> Path:
    """Where its user's password is."""
    return settings.secrets_dir / PASSWORD


def grafana_command(home: Path) -> list[str]:
    """The server's command line; all else it is told by its environment."""
    beside = home / "bin" / "grafana"
    program = str(beside) if beside.is_file() else "grafana"
    return [program, "server", "--homepath", str(home)]


def grafana_environment(settings: Settings) -> dict[str, str]:
    """Where it listens and keeps its data, who may enter, where store and metrics are."""
    return {
        "GF_PATHS_DATA": str(settings.grafana_dir / "data"),
        "GF_PATHS_LOGS": str(settings.grafana_dir / "logs"),
        "GF_PATHS_PLUGINS": str(settings.grafana_dir / "plugins"),
        "GF_PATHS_PROVISIONING": str(settings.grafana_dir / "provisioning"),
        "GF_SERVER_HTTP_ADDR": LOOPBACK,
        "GF_SERVER_HTTP_PORT": str(settings.grafana_port),
        "GF_SECURITY_ADMIN_USER": USER,
        "GF_SECURITY_ADMIN_PASSWORD__FILE": str(password_file(settings)),
        "GF_USERS_ALLOW_SIGN_UP": "false",
        "GF_LOG_MODE": "console",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "LUFTSTROM_INFLUX_URL": settings.influx_address,
        "LUFTSTROM_PROMETHEUS_URL": settings.prometheus_url,
        "LUFTSTROM_ALERT_EMAIL": settings.alert_email,
        "LUFTSTROM_ALERT_WEBHOOK_URL": settings.alert_webhook_url,
    }


def require_grafana(url: str) -> None:
    """Raise UnavailableError until the server answers and its database is ready."""
    try:
        answer = requests.get(f"{url}/api/health", timeout=2)
    except requests.RequestException as error:
        raise UnavailableError(f"no Grafana at {url}: {error}") from error
    if not answer.ok:
        raise UnavailableError(f"Grafana at {url} is not ready: {answer.text[:200]}")


def _replaced(text: str, paths: Mapping[str, str]) -> str:
    for expected, actual in paths.items():
        text = text.replace(expected, actual)
    return text

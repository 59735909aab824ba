"""Wiring: `python -m collector.bootstrap` makes InfluxDB ready, or rotates its tokens."""

import argparse
import sys
import threading
from pathlib import Path

import requests
import structlog

from collector.bootstrap import TokenFolder, bootstrap, rotate_tokens
from collector.bootstrap.kubernetes_secret import KubernetesSecret
from collector.bootstrap.settings import BootstrapSettings, read_operator_token
from collector.bootstrap.tokens import SCOPES, TokenStore
from contracts.errors import BadInputError, UnavailableError
from contracts.topics import TOPICS
from runtime.influx_access import verified_by
from runtime.logs import configure_logs
from runtime.retry import retry_unavailable
from runtime.settings import SettingsError, environment_name, exit_on_bad_settings, read_settings
from runtime.stopping import stop_on_signals
from runtime.topic_setup import create_topics

log = structlog.get_logger()

HEALTH_TIMEOUT_S = 5.0


def main() -> int:
    """Make ready or rotate; exit code 1 where InfluxDB does not let us, 2 where a setting is wrong."""
    rotated: list[str] | None = _parser().parse_args().rotate
    configure_logs("bootstrap")
    try:
        settings = read_settings(BootstrapSettings)
        operator_token = read_operator_token(settings)
        _run(settings, operator_token, rotated, stop_on_signals(limit_s=5.0))
    except (SettingsError, BadInputError) as error:
        exit_on_bad_settings(SettingsError(str(error)))
    except UnavailableError as error:
        log.error("bootstrap_failed", error=str(error))  # noqa: TRY400 - the message says it all
        return 1
    return 0


def _run(
    settings: BootstrapSettings, operator_token: str, rotated: list[str] | None, stopping: threading.Event
) -> None:
    tokens = _tokens(settings)
    retry_unavailable(
        lambda: _require_health(settings.influx_url, settings.influx_ca_file),
        what="waiting for InfluxDB",
        stopping=stopping,
        limit_s=settings.wait_s,
    )
    url, org, ca_file = settings.influx_url, settings.influx_org, settings.influx_ca_file
    if rotated is None:
        _make_topics(settings, stopping)
        bootstrap(url=url, org=org, operator_token=operator_token, tokens=tokens, tell=_tell, ca_file=ca_file)
        log.info("influxdb_ready", url=url, org=org)
        return
    names = rotate_tokens(
        rotated, url=url, org=org, operator_token=operator_token, tokens=tokens, ca_file=ca_file
    )
    log.info("tokens_rotated", names=names)


def _make_topics(settings: BootstrapSettings, stopping: threading.Event) -> None:
    servers, security = settings.kafka_bootstrap_servers, settings.kafka_security
    if servers is None:
        return
    retry_unavailable(
        lambda: create_topics(servers, TOPICS, _tell_topic, security=security),
        what="making topics",
        stopping=stopping,
        limit_s=settings.wait_s,
    )
    log.info("topics_ready", topics=len(TOPICS))


def _tokens(settings: BootstrapSettings) -> TokenStore:
    if settings.secrets_dir is not None:
        return TokenFolder(settings.secrets_dir)
    return KubernetesSecret(
        settings.kubernetes_secret or "",
        url=settings.kubernetes_url,
        account_dir=settings.kubernetes_account_dir,
    )


def _require_health(url: str, ca_file: Path | None) -> None:
    try:
        answer = requests.get(f"{url}/health", timeout=HEALTH_TIMEOUT_S, verify=verified_by(ca_file))
    except requests.RequestException as error:
        raise UnavailableError(f"no InfluxDB at {url}: {error}") from error
    if not answer.ok:
        raise UnavailableError(f"InfluxDB at {url} is not well yet: {answer.status_code}")


def _tell(line: str) -> None:
    log.info("influxdb_changed", change=line)


def _tell_topic(line: str) -> None:
    log.warning("topic_differs", difference=line)


def _parser() -> argparse.ArgumentParser:
    settings = "\n".join(
        f"  {environment_name(BootstrapSettings, name)}: {field.description}"
        for name, field in BootstrapSettings.model_fields.items()
    )
    parser = argparse.ArgumentParser(
        prog="python -m collector.bootstrap",
        description="Make InfluxDB ready: organisation, buckets with their retention, DBRP mappings for "
        "InfluxQL, scoped tokens; and the topics, where a Kafka is named. Safe to run again; it changes "
        "only what is missing or differs.",
        epilog=f"settings, from the environment:\n{settings}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--rotate",
        nargs="*",
        metavar="NAME",
        help=f"give these tokens ({', '.join(scope.name for scope in SCOPES)}; all if none is named) "
        "a successor, and end the older ones",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

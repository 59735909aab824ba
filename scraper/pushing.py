"""The metrics of a single poll, to a Pushgateway: the process is gone before anybody could scrape it."""

from http.client import HTTPException

import structlog
from prometheus_client import CollectorRegistry, push_to_gateway

log = structlog.get_logger()

JOB = "scraper"
PUSH_TIMEOUT_S = 5.0


def push_metrics(
    url: str, registry: CollectorRegistry, *, instance: str, timeout_s: float = PUSH_TIMEOUT_S
) -> None:
    """Replace what `instance` pushed last; a failure is told, and the poll is done all the same."""
    grouping_key = {"instance": instance}
    try:
        push_to_gateway(url, JOB, registry, grouping_key=grouping_key, timeout=timeout_s)
    except (OSError, HTTPException) as error:
        log.warning("metrics_not_pushed", error=str(error))

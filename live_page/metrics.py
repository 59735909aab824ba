"""Every metric of the API, each once, with its meaning."""

import time
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram

Next = Callable[[Request], Awaitable[Response]]
OTHER = "other"


class Metrics:
    """What the API counts; `registry` is served at /metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "live_page_requests",
            f"Answers by path and status; '{OTHER}' is any path that there is not.",
            ["path", "status"],
            registry=registry,
        )
        self.answer_seconds = Histogram(
            "live_page_answer_seconds",
            "Time from a request to its answer, by path.",
            ["path"],
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
        )

    def watch(self, app: FastAPI) -> None:
        """Count every answer of the application."""

        @app.middleware("http")
        async def _counted(request: Request, call_next: Next) -> Response:
            began_at_s = time.monotonic()
            response = await call_next(request)
            # The route's own path: what somebody asks for has no bound, what there is has.
            path = getattr(request.scope.get("route"), "path", OTHER)
            self.requests.labels(path, str(response.status_code)).inc()
            self.answer_seconds.labels(path).observe(time.monotonic() - began_at_s)
            return response

"""The application: the page, the API behind it, and errors as RFC 9457 says."""

import json
from collections.abc import Mapping

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.middleware.gzip import GZipMiddleware

from contracts.errors import BadInputError, UnavailableError
from live_page.answer_cache import AnswerCache
from live_page.answers import Answers
from live_page.metrics import Metrics
from live_page.page_files import add_page
from runtime.clock import Clock
from runtime.influx_reader import InfluxReader

PROBLEM = "application/problem+json"
GZIP_LEAST_BYTES = 1000
GZIP_LEVEL = 1


def api(
    influx: InfluxReader,
    metrics: Metrics,
    *,
    clock: Clock,
    cache_s: float,
    cache_answers: int,
    url_by_process: Mapping[str, str],
    tiles_url: str | None = None,
) -> FastAPI:
    """The application, which asks this store; read-only, bounded, its answers kept for seconds."""
    # Its usual pages load scripts from elsewhere; ours at /docs does not.
    app = FastAPI(title="Luftstrom", docs_url=None, redoc_url=None)
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_LEAST_BYTES, compresslevel=GZIP_LEVEL)
    cache: AnswerCache[bytes] = AnswerCache(age_s=cache_s, answers_max=cache_answers, clock=clock)
    answers = Answers(influx, cache, clock=clock, url_by_process=url_by_process, tiles_url=tiles_url)
    app.add_api_route("/api/about", answers.about)
    app.add_api_route("/api/now", answers.now)
    app.add_api_route("/api/stations", answers.stations)
    app.add_api_route("/api/stations.geojson", answers.stations)
    app.add_api_route("/api/series", answers.series)
    app.add_api_route("/api/forecast", answers.forecast)
    app.add_api_route("/api/health", answers.health)
    add_page(app, tiles_url=tiles_url)
    metrics.watch(app)
    _add_problems(app)
    return app


def _add_problems(app: FastAPI) -> None:
    @app.exception_handler(BadInputError)
    def _bad_input(_request: Request, error: BadInputError) -> Response:
        return _problem(400, error.reason, error.detail)

    @app.exception_handler(RequestValidationError)
    def _bad_request(_request: Request, error: RequestValidationError) -> Response:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors())
        return _problem(422, "bad_parameter", wrong)

    @app.exception_handler(UnavailableError)
    def _unavailable(_request: Request, _error: UnavailableError) -> Response:
        return _problem(503, "store_unavailable", "InfluxDB does not answer; try again in a minute")


def _problem(status: int, title: str, detail: str) -> Response:
    body = json.dumps({"title": title, "status": status, "detail": detail}, ensure_ascii=False)
    return Response(body, status_code=status, media_type=PROBLEM)

"""The API: who sends, what was measured, what is forecast; read-only, bounded, kept for seconds."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from itertools import islice
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from contracts.errors import BadInputError, UnavailableError
from live_page.answer_cache import AnswerCache
from live_page.stored_forecasts import forecasts
from runtime.air_query import DAY_S, HOUR_S, AirQuery, answered, measure_named
from runtime.clock import Clock
from runtime.influx_store import InfluxReader
from runtime.sensor_stations import Near, as_geojson, stations

ROWS_MAX = 20_000
SPAN_S_MAX = 366 * DAY_S
KM_MAX = 500.0
GEOJSON = "application/geo+json"
PROBLEM = "application/problem+json"

Name = Annotated[str | None, Query(max_length=100)]
SensorId = Annotated[int | None, Query(ge=0)]
Second = Annotated[int | None, Query(ge=0, le=2**32)]


def api(influx: InfluxReader, *, clock: Clock, cache_s: float, cache_answers: int) -> FastAPI:
    """The application, which asks this store."""
    # Its usual pages load scripts from elsewhere; /openapi.json needs nobody.
    app = FastAPI(title="Luftstrom", docs_url=None, redoc_url=None)
    cache: AnswerCache[bytes] = AnswerCache(age_s=cache_s, answers_max=cache_answers, clock=clock)

    def answer(request: Request, ask: Callable[[], Any], media_type: str = "application/json") -> Response:
        body = cache.get(f"{media_type} {request.url.path}?{request.url.query}", lambda: _encoded(ask()))
        return _response(request, body, media_type, cache_s)

    _add_problems(app)

    @app.get("/api/stations")
    @app.get("/api/stations.geojson")
    def _stations(
        request: Request,
        country: Name = None,
        city: Name = None,
        near: Annotated[str | None, Query(max_length=60, description="latitude,longitude")] = None,
        km: Annotated[float, Query(gt=0, le=KM_MAX)] = 10.0,
        within_s: Annotated[int, Query(ge=60, le=30 * DAY_S)] = DAY_S,
    ) -> Response:
        """Who sent within so many seconds; GeoJSON by `.geojson` or Accept."""
        around = None if near is None else _near(near, km)
        is_geojson = request.url.path.endswith(".geojson") or GEOJSON in request.headers.get("accept", "")

        def ask() -> Any:
            found = stations(influx, within_s=within_s, near=around, country=country, city=city)
            return as_geojson(found) if is_geojson else [asdict(each) for each in found]

        return answer(request, ask, GEOJSON if is_geojson else "application/json")

    @app.get("/api/series")
    def _series(
        request: Request,
        measure: str,
        from_s: Second = None,
        to_s: Second = None,
        sensor: SensorId = None,
        city: Name = None,
        country: Name = None,
    ) -> Response:
        """Values of a sensor or place, the last day if not told; the resolution follows from the span."""
        end_s = int(clock.now_s()) if to_s is None else to_s
        query = _query(measure, end_s - DAY_S if from_s is None else from_s, end_s, sensor, city, country)
        return answer(request, lambda: _series_of(influx, query))

    @app.get("/api/forecast")
    def _forecast(
        request: Request,
        measure: str,
        sensor: SensorId = None,
        city: Name = None,
        country: Name = None,
    ) -> Response:
        """The forecasts of this hour and the 23 after it: quantiles, `issued_at`, `method`, `model`."""
        hour_s = int(clock.now_s()) // HOUR_S * HOUR_S
        query = _query(measure, hour_s, hour_s + DAY_S, sensor, city, country)
        return answer(request, lambda: {"rows": forecasts(influx, query, rows_max=ROWS_MAX)})

    return app


def _query(
    measure: str, from_s: int, to_s: int, sensor: int | None, city: str | None, country: str | None
) -> AirQuery:
    if sensor is None and city is None:
        raise BadInputError("nobody", "name `sensor` or `city`")
    if not 0 < to_s - from_s <= SPAN_S_MAX:
        raise BadInputError("bad_span", f"`from_s` must be before `to_s`, by {SPAN_S_MAX} seconds at most")
    return AirQuery(
        measure=measure_named(measure), from_s=from_s, to_s=to_s, sensor_id=sensor, city=city, country=country
    )


def _series_of(influx: InfluxReader, query: AirQuery) -> dict[str, Any]:
    found = answered(influx, query, None)
    rows = list(islice(found.rows, ROWS_MAX + 1))
    if len(rows) > ROWS_MAX:
        raise BadInputError("too_many_rows", f"more than {ROWS_MAX}; ask for less time or one sensor")
    return {"unit": query.measure.unit, "resolution": found.resolution, "rows": rows}


def _near(text: str, km: float) -> Near:
    try:
        lat, lon = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInputError("bad_position", "`near` is latitude,longitude in degrees") from None
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise BadInputError("bad_position", "`near` is latitude,longitude in degrees")
    return Near(lat, lon, km)


def _encoded(answer: Any) -> bytes:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


def _response(request: Request, body: bytes, media_type: str, cache_s: float) -> Response:
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": f"public, max-age={int(cache_s)}", "Vary": "Accept"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _add_problems(app: FastAPI) -> None:
    """Errors as RFC 9457 says."""

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
    body = _encoded({"title": title, "status": status, "detail": detail})
    return Response(body, status_code=status, media_type=PROBLEM)

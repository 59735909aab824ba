"""What the API answers: who sends, what was measured, what is forecast, how the system fares."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import islice
from typing import Annotated, Any

from fastapi import Query, Request, Response

from contracts.errors import BadInputError
from live_page.answer_cache import AnswerCache
from live_page.latest_values import latest_values
from live_page.stored_forecasts import forecasts
from live_page.system_health import system_health
from live_page.vocabulary import vocabulary
from runtime.air_query import DAY_S, HOUR_S, AirQuery, answered, measure_named
from runtime.clock import Clock
from runtime.influx_reader import InfluxReader
from runtime.sensor_stations import Near, as_geojson, stations

ROWS_MAX = 20_000
STATIONS_MAX = 20_000
SPAN_S_MAX = 366 * DAY_S
KM_MAX = 500.0
JSON = "application/json"
GEOJSON = "application/geo+json"

Name = Annotated[str | None, Query(max_length=100)]
SensorId = Annotated[int | None, Query(ge=0)]
Second = Annotated[int | None, Query(ge=0, le=2**32)]
Within = Annotated[int, Query(ge=60, le=30 * DAY_S, description="seconds since the last value")]


class Answers:
    """One method a path; each answer is kept for a while, and not sent again to who has it (ETag)."""

    def __init__(
        self,
        influx: InfluxReader,
        cache: AnswerCache[bytes],
        *,
        clock: Clock,
        url_by_process: Mapping[str, str],
        tiles_url: str | None,
    ) -> None:
        self._influx, self._cache, self._clock = influx, cache, clock
        self._url_by_process, self._tiles_url = url_by_process, tiles_url

    def about(self, request: Request) -> Response:
        """The words of the other answers: measures with unit, bands and limits of a day; bits of flags."""
        return self._answer(request, lambda: {**vocabulary(self._influx), "tiles_url": self._tiles_url})

    def now(
        self,
        request: Request,
        measure: str,
        country: Name = None,
        city: Name = None,
        within_s: Within = HOUR_S,
    ) -> Response:
        """The last value of a measure of each sensor that sent one within so many seconds."""
        found = measure_named(measure)

        def ask() -> Any:
            rows = latest_values(self._influx, found, within_s=within_s, country=country, city=city)
            return {"unit": found.unit, "rows": _no_more(rows, STATIONS_MAX)}

        return self._answer(request, ask)

    def stations(
        self,
        request: Request,
        country: Name = None,
        city: Name = None,
        near: Annotated[str | None, Query(max_length=60, description="latitude,longitude")] = None,
        km: Annotated[float, Query(gt=0, le=KM_MAX)] = 10.0,
        within_s: Within = DAY_S,
    ) -> Response:
        """Who sent within so many seconds; GeoJSON by `.geojson` or Accept."""
        around = None if near is None else _near(near, km)
        is_geojson = request.url.path.endswith(".geojson") or GEOJSON in request.headers.get("accept", "")

        def ask() -> Any:
            found = stations(self._influx, within_s=within_s, near=around, country=country, city=city)
            _no_more(found, STATIONS_MAX)
            return as_geojson(found) if is_geojson else [asdict(each) for each in found]

        return self._answer(request, ask, GEOJSON if is_geojson else JSON)

    def series(
        self,
        request: Request,
        measure: str,
        from_s: Second = None,
        to_s: Second = None,
        sensor: SensorId = None,
        city: Name = None,
        country: Name = None,
    ) -> Response:
        """Values of a sensor or place, the last day if not told; the resolution follows from the span."""
        end_s = int(self._clock.now_s()) if to_s is None else to_s
        query = _query(measure, end_s - DAY_S if from_s is None else from_s, end_s, sensor, city, country)

        def ask() -> Any:
            found = answered(self._influx, query, None)
            rows = _no_more(list(islice(found.rows, ROWS_MAX + 1)), ROWS_MAX)
            return {"unit": query.measure.unit, "resolution": found.resolution, "rows": rows}

        return self._answer(request, ask)

    def forecast(
        self,
        request: Request,
        measure: str,
        sensor: SensorId = None,
        city: Name = None,
        country: Name = None,
    ) -> Response:
        """The forecasts of this hour and the 23 after it: quantiles, `issued_at`, `method`, `model`."""
        hour_s = int(self._clock.now_s()) // HOUR_S * HOUR_S
        query = _query(measure, hour_s, hour_s + DAY_S, sensor, city, country)
        return self._answer(request, lambda: {"rows": forecasts(self._influx, query, rows_max=ROWS_MAX)})

    def health(self, request: Request) -> Response:
        """How old the newest value and forecast are, and what each process says of itself."""
        return self._answer(request, lambda: system_health(self._influx, self._url_by_process))

    def _answer(self, request: Request, ask: Callable[[], Any], media_type: str = JSON) -> Response:
        key = f"{media_type} {request.url.path}?{request.url.query}"
        body = self._cache.get(key, lambda: _encoded(ask()))
        return _response(request, body, media_type, self._cache.age_s)


def _no_more(rows: list[Any], most: int) -> list[Any]:
    if len(rows) > most:
        raise BadInputError("too_many_rows", f"more than {most}; ask for less time, a place, or one sensor")
    return rows


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

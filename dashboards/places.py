"""InfluxQL over hours of places, that several dashboards ask."""

from contracts.air_quality_indices import INDEX_MEASURES, Limit
from contracts.measures import MEASURE_BY_NAME
from contracts.stored import FORECASTS_NEWEST, HIGHEST, PLACE_HOURS, PLACE_RANKS
from dashboards.queries import stored
from dashboards.scales import limit_name

# An hour is stored a quarter of an hour after its end, and named by its start.
NEWEST_HOUR = "time > now() - 3h"
PLACE = '"city", "country"'
# Around a subquery by time: its first bucket begins before the bound, and at the same bound InfluxDB gives nothing.
FIRST_BUCKET = "2h"


def worst_index(field: str, where: str, *, group_by: str = PLACE) -> str:
    """The higher of the particles' newest indices, of each group; `field` is european_aqi or us_aqi.

    The union of two queries, for a city may measure only one of them. The column is `worst`.
    """
    each = ", ".join(
        f'(SELECT last("{name}_{field}") AS "level" FROM {stored(PLACE_HOURS)} '
        f"WHERE {NEWEST_HOUR} AND {where} GROUP BY {PLACE})"
        for name in INDEX_MEASURES
    )
    return f'SELECT max("level") AS "worst" FROM {each} WHERE {NEWEST_HOUR} GROUP BY {group_by}'


def newest(field: str, where: str, *, name: str) -> str:
    """The newest hour's value of each place, as a subquery with the column `name`."""
    return f'(SELECT last("{field}") AS "{name}" FROM {stored(PLACE_HOURS)} WHERE {NEWEST_HOUR} AND {where} GROUP BY {PLACE})'


def places_on_map(measure: str, where: str) -> tuple[str, str]:
    """Each city's mean and sensors; and where its sensor of the highest mean stands: to be joined by city."""
    field = MEASURE_BY_NAME[measure].field
    values = (
        f'SELECT last("{field}_mean") AS "{field}", last("{measure}_sensors") AS "sensors" '
        f"FROM {stored(PLACE_HOURS)} WHERE {NEWEST_HOUR} AND {where} GROUP BY {PLACE}"
    )
    positions = (
        f'SELECT last("{measure}_lat") AS "lat", last("{measure}_lon") AS "lon" FROM {stored(PLACE_RANKS)} '
        f"WHERE {NEWEST_HOUR} AND {where} AND \"extreme\" = '{HIGHEST}' AND \"rank\" = '1' GROUP BY {PLACE}"
    )
    return values, positions


def extreme_places(measure: str, where: str, *, function: str, count: int) -> str:
    """The places with the highest (`top`) or lowest (`bottom`) newest mean."""
    field = MEASURE_BY_NAME[measure].field
    of = newest(f"{field}_mean", where, name="mean")
    return f'SELECT {function}("mean", {PLACE}, {count}) AS "{field}" FROM {of} WHERE {NEWEST_HOUR}'


def limit_line(limit: Limit, where: str) -> str:
    """A limit as a line through all hours that are shown: InfluxQL has no constant, but it fills with one."""
    field = MEASURE_BY_NAME[limit.measure].field
    return (
        f'SELECT mean("{field}_mean") * 0 + {limit.ug_m3:g} AS "{limit_name(limit)}" FROM {stored(PLACE_HOURS)} '
        f"WHERE {where} AND $timeFilter GROUP BY time(1h) fill({limit.ug_m3:g})"
    )


def forecast_of_place(measure: str, where: str, *, quantiles: tuple[str, ...]) -> str:
    """The mean over a place's sensors of quantiles of the coming hours."""
    columns = ", ".join(f'mean("{name}") AS "{name}"' for name in quantiles)
    return (
        f"SELECT {columns} FROM {stored(FORECASTS_NEWEST)} WHERE {where} AND \"measure\" = '{measure}' "
        "AND time >= now() - 1h AND $timeFilter GROUP BY time(1h) fill(none)"
    )

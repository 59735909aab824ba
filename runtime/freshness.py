"""How new the stored air is."""

from contracts.measures import MEASURE_BY_NAME
from contracts.stored import AIR, LIVE_BUCKET
from runtime.influx_reader import InfluxReader

# Nearly every station has one of them.
ASKED = tuple(MEASURE_BY_NAME[name] for name in ("pm10", "temperature"))


def newest_at_s(influx: InfluxReader) -> int | None:
    """Unix second of the newest stored value; None where there is none of the last day.

    Raises UnavailableError where InfluxDB does not answer.
    """
    seconds = [
        int(row["time"])
        for measure in ASKED
        for row in influx.query(
            LIVE_BUCKET,
            f'SELECT last("{measure.field}") FROM {AIR} WHERE time > now() - 1d AND time < now() + 1d',  # noqa: S608
        )
    ]
    return max(seconds, default=None)

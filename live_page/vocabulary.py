"""The words of the API: measures with their units, bands and limits, and what a flag means."""

from typing import Any

from contracts.air_quality_indices import EUROPEAN_CATEGORIES, EUROPEAN_UPPER_UG_M3_BY_MEASURE, LIMITS
from contracts.flags import Flag
from contracts.measures import MEASURES, Measure
from contracts.stored import AIR, LIVE_BUCKET
from runtime.influx_reader import InfluxReader

LABELS = {
    "pm1": "PM1", "pm25": "PM2.5", "pm4": "PM4", "pm10": "PM10", "temperature": "Temperature",
    "humidity": "Humidity", "pressure": "Pressure", "pressure_sealevel": "Pressure at sea level",
    "noise_laeq": "Noise LAeq", "noise_la_min": "Noise LA min", "noise_la_max": "Noise LA max",
    "n05": "N0.5", "n1": "N1", "n25": "N2.5", "n4": "N4", "n10": "N10", "typical_size": "Typical size",
    "co2": "CO₂", "radiation": "Radiation",
}  # fmt: skip


def vocabulary(influx: InfluxReader) -> dict[str, Any]:
    """Everything that a reader of the other answers needs; `is_stored`: whether there is any value of it."""
    fields = {row["fieldKey"] for row in influx.query(LIVE_BUCKET, f'SHOW FIELD KEYS FROM "{AIR}"')}
    return {
        "measures": [{**_described(measure), "is_stored": measure.field in fields} for measure in MEASURES],
        "flags": [{"bit": int(flag), "name": (flag.name or "").lower()} for flag in Flag],
    }


def _described(measure: Measure) -> dict[str, Any]:
    limits = (limit for limit in LIMITS if limit.measure == measure.name and limit.period == "day")
    return {
        "name": measure.name,
        "label": LABELS[measure.name],
        "unit": measure.unit,
        "low": measure.low,
        "high": measure.high,
        "bands": _bands(measure),
        "limits_of_a_day": [{"source": limit.source, "value": limit.ug_m3} for limit in limits],
    }


def _bands(measure: Measure) -> list[dict[str, Any]]:
    """The European levels of hourly means, from the best; the last one has no end."""
    if measure.name not in EUROPEAN_UPPER_UG_M3_BY_MEASURE:
        return []
    ends = (*EUROPEAN_UPPER_UG_M3_BY_MEASURE[measure.name], None)
    return [
        {"name": category.name, "colour": category.colour, "up_to": end}
        for category, end in zip(EUROPEAN_CATEGORIES, ends, strict=True)
    ]

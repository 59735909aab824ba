"""The table of measures: topics, SQL, stored fields, dashboards and alerts follow from it.

Upstream names: the `value_type` choices of sensor.community's feinstaub-api and the airRohr firmware.
Ranges: what the sensors of the network can plausibly meet outdoors, after sensor.community's own map.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class OtherUnit:
    """Upstream values from `low` to `high` are in another unit than the rest: times `scale` instead."""

    low: float
    high: float
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One physical quantity that the network measures.

    All but `scale` and `other_unit` is in `unit`. None where a doubt of `contracts.flags` does not apply:
    `saturated_at` the end of the sensor's scale, `spike_per_min` the fastest believable change,
    `far_at_least` the least distance from its neighbours that counts.
    `is_climate`: measured by one chip with other such, which fails as a whole. `may_stand_still`: the
    same value for hours is no doubt, or not if it is `may_stand_at`.
    """

    name: str
    upstream: tuple[str, ...]
    unit: str
    unit_suffix: str
    low: float
    high: float
    scale: float = 1.0
    saturated_at: float | None = None
    other_unit: OtherUnit | None = None
    is_climate: bool = False
    spike_per_min: float | None = None
    may_stand_still: bool = False
    may_stand_at: float | None = None
    far_at_least: float | None = None

    @property
    def field(self) -> str:
        """Name of the stored field: the measure with its unit, `pm10_ug_m3`."""
        return f"{self.name}_{self.unit_suffix}"

    @property
    def flags_field(self) -> str:
        """Name of the stored integer field of flags, `pm10_flags`."""
        return f"{self.name}_flags"


def _particles(
    name: str, upstream: str, *, high: float = 900.0, saturated_at: float | None = None
) -> Measure:
    return Measure(
        name=name, upstream=(upstream,), unit="µg/m³", unit_suffix="ug_m3",
        low=0.0, high=high, saturated_at=saturated_at,
        spike_per_min=100.0, far_at_least=15.0,
    )  # fmt: skip


def _count(name: str, upstream: str) -> Measure:
    # The SPS30 counts to 3,000 per cm³; the NextPM goes higher.
    return Measure(
        name=name,
        upstream=(upstream,),
        unit="1/cm³",
        unit_suffix="per_cm3",
        low=0.0,
        high=30_000.0,
        may_stand_still=True,
    )


def _noise(name: str, upstream: str) -> Measure:
    return Measure(name=name, upstream=(upstream,), unit="dB(A)", unit_suffix="db", low=0.0, high=140.0)


# Third-party firmware sends hectopascal where pascal is meant.
HECTOPASCAL = OtherUnit(low=300.0, high=1200.0, scale=1.0)


MEASURES: tuple[Measure, ...] = (
    _particles("pm1", "P0"),
    # Upstream P1 is PM10 and P2 is PM2.5; the SDS011's scale ends at 999.9 and 1999.9.
    _particles("pm25", "P2", saturated_at=999.9),
    _particles("pm4", "P4"),
    _particles("pm10", "P1", high=1900.0, saturated_at=1999.9),
    Measure(
        name="temperature", upstream=("temperature",), unit="°C", unit_suffix="c", low=-50.0, high=60.0,
        is_climate=True, spike_per_min=5.0, far_at_least=5.0,
    ),
    Measure(
        # Fog holds 100 % for days.
        name="humidity", upstream=("humidity",), unit="%", unit_suffix="pct", low=0.0, high=100.0,
        is_climate=True, spike_per_min=20.0, may_stand_at=100.0, far_at_least=20.0,
    ),
    Measure(
        name="pressure", upstream=("pressure",), unit="hPa", unit_suffix="hpa",
        low=300.0, high=1100.0, scale=0.01, other_unit=HECTOPASCAL,
        is_climate=True, spike_per_min=3.0,
    ),
    # Computed upstream from the altitude, which may be wrong: no sign of a fault of the sensor.
    Measure(
        name="pressure_sealevel", upstream=("pressure_at_sealevel", "pressure_sealevel"), unit="hPa",
        unit_suffix="hpa", low=870.0, high=1085.0, scale=0.01, other_unit=HECTOPASCAL,
        spike_per_min=3.0, far_at_least=5.0,
    ),
    _noise("noise_laeq", "noise_LAeq"),
    _noise("noise_la_min", "noise_LA_min"),
    _noise("noise_la_max", "noise_LA_max"),
    _count("n05", "N05"),
    _count("n1", "N1"),
    _count("n25", "N25"),
    _count("n4", "N4"),
    _count("n10", "N10"),
    Measure(name="typical_size", upstream=("TS",), unit="µm", unit_suffix="um", low=0.0, high=10.0,
            may_stand_still=True),
    Measure(
        name="co2", upstream=("co2_ppm",), unit="ppm", unit_suffix="ppm", low=250.0, high=40_000.0,
    ),
    Measure(
        name="radiation", upstream=("counts_per_minute",), unit="1/min", unit_suffix="cpm",
        low=0.0, high=10_000.0,
    ),
)  # fmt: skip

MEASURE_BY_NAME: dict[str, Measure] = {measure.name: measure for measure in MEASURES}

# Known value types that measure no air: ignored by name, so that an unknown one stands out.
HOUSEKEEPING: frozenset[str] = frozenset({
    "durP1", "ratioP1", "durP2", "ratioP2",  # internals of the PPD42NS
    "lat", "lon", "height", "altitude", "timestamp", "hdop", "age", "speed", "sats",  # GPS; the archive
    "samples", "interval", "min_micro", "max_micro", "signal", "brightness",  # firmware
    "counts", "hv_pulses", "sample_time_ms",  # radiation counters, beside counts_per_minute
})  # fmt: skip

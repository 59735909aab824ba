"""The kinds of sensors of the whole network: how many of each report, and what a report of each holds.

Counts are of one five-minute window of the live feed; value types and pins are those of feinstaub-api and of
the firmwares (airRohr, MultiGeiger). Ids and makers of types that no sample shows are made up.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Course:
    """What a sensor reports of one thing: numbers between low and high, in upstream's unit."""

    value_type: str
    low: float
    high: float
    decimals: int = 2

    def at(self, share: float) -> str:
        """The number as upstream's text; share 0 is low, 1 is high."""
        return f"{self.low + (self.high - self.low) * share:.{self.decimals}f}"


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of sensor, and how many records of it a window of the whole network holds.

    One that tells the time has it as text among its values.
    """

    records: int
    name: str
    type_id: int
    manufacturer: str
    pin: str
    courses: tuple[Course, ...]
    tells_time: bool = False


_PM1, _PM25, _PM4, _PM10 = Course("P0", 1, 14), Course("P2", 2, 20), Course("P4", 3, 24), Course("P1", 3, 28)
_TEMPERATURE, _HUMIDITY = Course("temperature", 4, 24), Course("humidity", 35, 95)
_PRESSURE = Course("pressure", 97_000, 102_500)
_PLANTOWER = (_PM10, _PM25, _PM1)
_CLIMATE = (_TEMPERATURE, _HUMIDITY)
_BAROMETER = (_PRESSURE, _TEMPERATURE)
_SPS30 = (
    _PM1, _PM25, _PM4, _PM10,
    Course("N05", 5, 90), Course("N1", 6, 110), Course("N25", 6, 112), Course("N4", 6, 113),
    Course("N10", 6, 113), Course("TS", 0.4, 0.9),
)  # fmt: skip
_NEXT_PM = (_PM1, _PM10, _PM25, Course("N1", 6, 110), Course("N10", 6, 113), Course("N25", 6, 112))
_NOISE = (Course("noise_LAeq", 42, 66), Course("noise_LA_min", 34, 50), Course("noise_LA_max", 52, 84))
_RADIATION = (
    Course("counts_per_minute", 60, 110, 0), Course("hv_pulses", 3, 9, 0),
    Course("counts", 150, 275, 0), Course("sample_time_ms", 150_000, 150_050, 0),
)  # fmt: skip
_SHINYEI = (
    Course("durP1", 20_000, 480_000), Course("ratioP1", 0.1, 1.6), Course("P1", 50, 820),
    Course("durP2", 1_000, 38_000), Course("ratioP2", 0.01, 0.15), Course("P2", 5, 70),
)  # fmt: skip
_POSITION = (
    Course("lat", 47.1, 47.2, 6), Course("lon", 8.1, 8.2, 6), Course("height", 380, 420),
    Course("hdop", 0.8, 2.4),
)  # fmt: skip

KINDS = (
    Kind(24_029, "SDS011", 14, "Nova Fitness", "1", (_PM10, _PM25)),
    Kind(771, "SPS30", 130, "Sensirion", "1", _SPS30),
    Kind(533, "PMS5003", 123, "Plantower", "1", _PLANTOWER),
    Kind(371, "PMS7003", 124, "Plantower", "1", _PLANTOWER),
    Kind(20, "PMS1003", 121, "Plantower", "1", _PLANTOWER),
    Kind(16, "NextPM", 131, "Tera Sensor", "1", _NEXT_PM),
    Kind(12, "HPM", 125, "Honeywell", "1", (_PM10, _PM25)),
    Kind(12, "PMS3003", 122, "Plantower", "1", _PLANTOWER),
    Kind(9, "PPD42NS", 101, "Shinyei", "5", _SHINYEI),
    Kind(10_240, "BME280", 17, "Bosch", "11", (_TEMPERATURE, _PRESSURE, _HUMIDITY)),
    Kind(9_352, "DHT22", 9, "various", "7", _CLIMATE),
    Kind(1_082, "DNMS (Laerm)", 129, "various", "15", _NOISE),
    Kind(509, "BMP280", 119, "Bosch", "3", _BAROMETER),
    Kind(500, "SHT31", 128, "Sensirion", "7", _CLIMATE),
    Kind(287, "BMP180", 118, "Bosch", "3", _BAROMETER),
    Kind(283, "SHT30", 127, "Sensirion", "7", _CLIMATE),
    Kind(215, "HTU21D", 116, "TE Connectivity", "7", _CLIMATE),
    Kind(143, "Radiation Si22G", 137, "EcoCurious", "19", _RADIATION),
    Kind(89, "DS18B20", 115, "Maxim", "13", (_TEMPERATURE,)),
    Kind(20, "SHT35", 126, "Sensirion", "7", _CLIMATE),
    Kind(15, "GPS-NEO-6M", 117, "u-blox", "9", _POSITION, tells_time=True),
    Kind(10, "SCD30", 132, "Sensirion", "17", (*_CLIMATE, Course("co2_ppm", 410, 900))),
)

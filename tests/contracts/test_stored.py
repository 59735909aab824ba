"""The line protocol of a point."""

import re

from hypothesis import given
from hypothesis import strategies as st

from contracts.measure_values import MeasureValue
from contracts.measures import MEASURE_BY_NAME
from contracts.stored import measure_line, series_key

PM10 = MEASURE_BY_NAME["pm10"]


def a_value(**given_fields):
    fields = {"sensor_id": 71, "observed_at_s": 1557649203, "value": 12.4, "sensor_type": "SDS011"}
    return MeasureValue(**{**fields, **given_fields})


def test_a_line_has_sorted_tags_typed_fields_and_seconds():
    line = measure_line(a_value(country="GB", city="Aberdeen", lat=57.13, lon=-2.1, indoor=0, flags=3), PM10)

    assert line == (
        "air,city=Aberdeen,country=GB,sensor_id=71,sensor_type=SDS011 "
        "pm10_ug_m3=12.4,pm10_flags=3i,lat=57.13,lon=-2.1,indoor=0i 1557649203"
    )


def test_what_is_unknown_is_left_out():
    assert measure_line(a_value(sensor_type=None, city=" "), PM10) == (
        "air,sensor_id=71 pm10_ug_m3=12.4,pm10_flags=0i 1557649203"
    )


def test_a_whole_number_stays_a_float():
    assert "pm10_ug_m3=12.0," in measure_line(a_value(value=12), PM10)


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_keeps_every_digit(value):
    found = re.search(r"pm10_ug_m3=([^,]+),", measure_line(a_value(value=value), PM10))

    assert found is not None
    assert float(found[1]) == value


@given(city=st.text())
def test_a_city_of_any_letters_makes_one_line_of_three_parts(city):
    key = series_key(71, "SDS011", "GB", city)

    assert len(re.split(r"(?<!\\) ", key)) == 1
    assert "\n" not in key
    assert not key.split(",country=")[0].endswith("\\")

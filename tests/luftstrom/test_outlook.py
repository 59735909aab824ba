"""What is forecast for a place: the newest issue of each sensor, and the medians over them."""

import uuid

import pytest

from contracts.forecasts import HORIZON_H, QUANTILES, Forecast, Method
from contracts.topics import FORECASTS
from luftstrom.air import PlaceAir
from luftstrom.outlook import first_outlooks, outlooks
from luftstrom.screen import out, show_outlooks
from runtime.influx_reader import InfluxReader
from tests.luftstrom import stored_air
from tests.luftstrom.stored_air import a_sensor_id, this_hour_s

pytestmark = pytest.mark.integration


@pytest.fixture
def place():
    """A place that no other test writes to, with a name that must be quoted."""
    return PlaceAir("GB", f"O'Hare {uuid.uuid4().hex}", 1, {})


@pytest.fixture
def reader(influx):
    return InfluxReader(url=influx.url, token=influx.operator_token)


def write(influx, place, *, level, hours_ago=0, method=Method.BLEND, sensor_id=None):
    forecast = Forecast(
        sensor_id=sensor_id or a_sensor_id(),
        measure="pm25",
        issued_at_s=this_hour_s() - hours_ago * 3600,
        method=method,
        model="blend",
        quantiles=[[level + 10 * q for q in QUANTILES]] * HORIZON_H,
        country=place.country,
        city=place.city,
    )
    stored_air.write(influx, FORECASTS, [forecast])
    return forecast.sensor_id


def test_the_newest_issue_of_a_sensor_counts_also_where_its_method_changed(influx, reader, place):
    sensor_id = write(influx, place, level=50, hours_ago=1, method=Method.RNN)
    write(influx, place, level=5, sensor_id=sensor_id)

    (outlook,) = outlooks(reader, [place], now_s=this_hour_s() + 60)
    assert outlook.band_by_ahead_h[1] == (6.0, 10.0, 14.0)
    assert outlook.sensors_by_method == {"blend": 1}


def test_a_place_has_the_medians_of_its_sensors(influx, reader, place):
    for level in (0, 5, 100):
        write(influx, place, level=level)

    (outlook,) = first_outlooks(reader, [place])
    assert outlook.band_by_ahead_h == dict.fromkeys((1, 6, 12, 23), (6.0, 10.0, 14.0))
    with out.capture() as captured:
        show_outlooks([outlook])
    assert "10.0 (6.0…14.0)" in captured.get()
    assert "blend 3" in captured.get()


def test_a_place_without_forecasts_has_no_outlook(reader, place):
    assert outlooks(reader, [place], now_s=this_hour_s()) == []

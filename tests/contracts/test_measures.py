"""The table of measures agrees with itself."""

import pytest

from contracts.measures import HOUSEKEEPING, MEASURES


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_a_measure_has_a_range_and_a_unit_in_its_field(measure):
    assert measure.low < measure.high
    assert measure.scale > 0
    assert measure.field == f"{measure.name}_{measure.unit_suffix}"


def test_an_upstream_name_means_one_thing():
    names = [name for measure in MEASURES for name in measure.upstream] + list(HOUSEKEEPING)

    assert len(names) == len(set(names))


def test_fields_never_collide():
    fields = [field for measure in MEASURES for field in (measure.field, measure.flags_field)]

    assert len(fields) == len(set(fields))


def test_upstream_p1_is_pm10_and_p2_is_pm25():
    upstream = {measure.name: measure.upstream for measure in MEASURES}

    assert upstream["pm10"] == ("P1",)
    assert upstream["pm25"] == ("P2",)


def test_pascals_become_hectopascals():
    scales = {measure.name: measure.scale for measure in MEASURES}

    assert scales["pressure"] == scales["pressure_sealevel"] == 0.01

"""`luftstrom places`: looked up without a stack, kept by a running one."""

import json

import pytest

from tests.luftstrom.invoking import invoked

pytestmark = pytest.mark.usefixtures("settings")


def test_a_place_is_looked_up_without_a_stack():
    result = invoked("places", "lookup", "57.13", "-2.086")

    assert result.exit_code == 0
    assert result.output == "Aberdeen, Scotland, United Kingdom (GB)  geohash gfnt081\n"


def test_a_place_for_programs_has_all_that_is_known_of_it():
    assert json.loads(invoked("places", "lookup", "-33.9", "151.2", "--json").output) == {
        "country": "AU", "country_name": "Australia", "admin_area": "New South Wales", "city": "Alexandria",
        "geohash": "r3gx0ss", "origin": "gazetteer",
    }  # fmt: skip


@pytest.mark.parametrize("position", [("91", "0"), ("0", "181"), ("here", "there")])
def test_a_position_that_is_none_is_refused(position):
    assert invoked("places", "lookup", *position).exit_code == 2


@pytest.mark.parametrize("command", ["warm", "stats", "purge"])
def test_kept_places_are_those_of_a_running_stack(refused, command):
    assert "luftstrom up" in refused("places", command)

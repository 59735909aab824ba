"""The nearest city is the one that the package's own search finds, at a fraction of its memory."""

import random
import subprocess
import sys

import pytest
import reverse_geocode

from scraper.gazetteer import country_names, nearest_cities

ABERDEEN, MID_PACIFIC, SOUTH_POLE = (57.13, -2.086), (0.0, -150.0), (-90.0, 0.0)


def expected(positions):
    found = reverse_geocode.search(positions)
    return [(city["country_code"], city["city"], city.get("state", ""), city["country"]) for city in found]


def answers(positions):
    names = country_names()
    return [(c.country_code, c.city, c.state, names[c.country_code]) for c in nearest_cities(positions)]


@pytest.mark.parametrize("position", [ABERDEEN, MID_PACIFIC, SOUTH_POLE])
def test_every_position_has_a_nearest_city(position):
    assert answers([position]) == expected([position])


def test_no_other_city_is_nearer_all_over_the_world():
    chance = random.Random(1)  # noqa: S311 - of two cities in one place either would do; here are none
    positions = [(chance.uniform(-90, 90), chance.uniform(-180, 180)) for _ in range(1_000)]

    assert answers(positions) == expected(positions)


@pytest.mark.slow
def test_it_takes_less_than_half_the_memory_of_the_packages_search():
    ours = peak_mib("from scraper.gazetteer import nearest_cities; nearest_cities([(57.13, -2.086)])")
    theirs = peak_mib("import reverse_geocode; reverse_geocode.search([(57.13, -2.086)])")

    assert ours < theirs / 2


def peak_mib(statements):
    """Resident memory of an interpreter that does this, at its highest."""
    tell = "print(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')))"
    ended = subprocess.run(
        [sys.executable, "-c", f"{statements}; {tell}"], capture_output=True, text=True, check=True
    )
    return int(ended.stdout) / 1024

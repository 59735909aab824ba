"""Who stands near, and what they say."""

import numpy as np
import pytest

from forecasting.neighbours import EARTH_KM, QUARTILES, nearest, neighbour_quantiles

RADIUS_KM, AT_MOST = 300.0, 5


def distances_km(lat, lon):
    """Between all places, by the haversine."""
    north, east = np.radians(lat), np.radians(lon)
    half = (
        np.sin((north[:, None] - north) / 2) ** 2
        + np.cos(north[:, None]) * np.cos(north) * np.sin((east[:, None] - east) / 2) ** 2
    )
    return 2 * EARTH_KM * np.arcsin(np.sqrt(half))


@pytest.mark.parametrize("degrees_east", [(174, 180), (0, 6), (0, 60), (0, 180)])
@pytest.mark.parametrize("south_to_north", [(-3, 3), (48, 54), (80, 90)], ids=["equator", "middle", "pole"])
def test_the_nearest_are_those_of_the_shortest_way_over_the_date_line_too(south_to_north, degrees_east):
    random = np.random.default_rng(1)
    lat = random.uniform(*south_to_north, 400)
    lon = random.choice([-1, 1], 400) * random.uniform(*degrees_east, 400)

    found = nearest(lat, lon, radius_km=RADIUS_KM, at_most=AT_MOST)

    apart = distances_km(lat, lon)
    np.fill_diagonal(apart, np.inf)
    order = np.argsort(apart, axis=1)[:, :AT_MOST]
    expected = np.where(np.take_along_axis(apart, order, axis=1) <= RADIUS_KM, order, -1)
    np.testing.assert_array_equal(found, expected)
    assert (found >= 0).any()


def test_without_a_position_one_has_no_neighbours_and_is_nobodys():
    found = nearest(np.array([50.0, np.nan, 50.01]), np.array([8.0, 8.0, 8.0]), radius_km=25.0, at_most=2)

    assert found.tolist() == [[2, -1], [-1, -1], [0, -1]]


def test_quartiles_are_of_those_that_measured():
    random = np.random.default_rng(2)
    values = random.normal(10, 3, (300, 40)).astype(np.float32)
    values[random.random(values.shape) < 0.4] = np.nan
    values[::7] = np.nan
    near = random.integers(-1, 300, (300, 6))

    low, found, high = neighbour_quantiles(values, near, (QUARTILES[0], 0.5, QUARTILES[1]))

    theirs = np.where((near >= 0)[:, :, None], values[near], np.nan)
    is_known = np.isfinite(theirs).any(axis=1)
    assert np.isnan(found[~is_known]).all()
    filled = np.where(is_known[:, None], theirs, 0)
    np.testing.assert_array_equal(found[is_known], np.nanmedian(filled, axis=1)[is_known])
    np.testing.assert_allclose(low[is_known], np.nanquantile(filled, 0.25, axis=1)[is_known], rtol=1e-5)
    np.testing.assert_allclose(high[is_known], np.nanquantile(filled, 0.75, axis=1)[is_known], rtol=1e-5)
    assert np.isnan(low[~is_known]).all()


def test_the_median_alone_is_the_same():
    random = np.random.default_rng(3)
    values, near = random.normal(10, 3, (50, 8)).astype(np.float32), random.integers(-1, 50, (50, 5))

    (alone,) = neighbour_quantiles(values, near)

    np.testing.assert_array_equal(alone, neighbour_quantiles(values, near, (0.1, 0.5, 0.9))[1])

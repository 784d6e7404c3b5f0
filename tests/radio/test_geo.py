import pickle

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from training_core.radio.geo import LocalFrame, distance_m, is_position

latitudes = st.floats(-89.9, 89.9)
longitudes = st.floats(-180.0, 180.0)
offsets_m = st.floats(-2e6, 2e6)


@given(latitudes, longitudes, offsets_m, offsets_m)
def test_round_trip_is_exact_to_a_millimeter(
    latitude: float, longitude: float, east: float, north: float
) -> None:
    frame = LocalFrame(latitude, longitude)
    east_again, north_again = frame.to_local(*frame.to_wgs84(east, north))
    assert np.hypot(east_again - east, north_again - north) < 1e-3


@given(latitudes, longitudes, offsets_m, offsets_m)
def test_distance_from_the_origin_is_the_geodesic(
    latitude: float, longitude: float, east: float, north: float
) -> None:
    frame = LocalFrame(latitude, longitude)
    there = frame.to_wgs84(east, north)
    assert distance_m(latitude, longitude, *there) == pytest.approx(np.hypot(east, north), abs=1e-3)


@given(
    latitudes,
    longitudes,
    st.tuples(offsets_m, offsets_m),
    st.tuples(offsets_m, offsets_m),
)
@example(0.0, 180.0, (0.0, 0.0), (1.192092896e-07, 1.0))
def test_distance_is_symmetric(
    latitude: float, longitude: float, a: tuple[float, float], b: tuple[float, float]
) -> None:
    frame = LocalFrame(latitude, longitude)
    one, two = frame.to_wgs84(*a), frame.to_wgs84(*b)
    assert distance_m(*one, *two) == pytest.approx(distance_m(*two, *one), abs=1e-6)


@given(latitudes, longitudes, st.floats(-5e4, 5e4), st.floats(-5e4, 5e4))
def test_neighboring_points_keep_their_distance(
    latitude: float, longitude: float, east: float, north: float
) -> None:
    frame = LocalFrame(latitude, longitude)
    one = frame.to_wgs84(east, north)
    two = frame.to_wgs84(east + 30.0, north + 40.0)
    assert distance_m(*one, *two) == pytest.approx(50.0, abs=0.01)


def test_known_distance() -> None:
    # Flinders Peak to Buninyong, the worked example of the Geocentric Datum of Australia manual.
    measured = distance_m(-37.95103341667, 144.42486788889, -37.65282113889, 143.92649552778)
    assert measured == pytest.approx(54_972.271, abs=0.01)


def test_east_is_east_and_north_is_north() -> None:
    east, north = LocalFrame(45.0, 7.0).to_local([45.0, 45.01], [7.01, 7.0])
    assert east[0] == pytest.approx(788.5, abs=0.5)
    assert abs(north[0]) < 0.1
    assert north[1] == pytest.approx(1111.3, abs=0.5)
    assert abs(east[1]) < 1e-6


def test_unknown_and_impossible_positions_become_nan_and_disturb_nobody() -> None:
    frame = LocalFrame(40.7, -111.8)
    east, north = frame.to_local([np.nan, 111.0, 40.7, 40.8], [-111.8, 40.0, 400.0, -111.8])
    assert np.isnan(east[:3]).all()
    assert np.isnan(north[:3]).all()
    assert north[3] == pytest.approx(11_105, abs=10)
    latitude, longitude = frame.to_wgs84([np.nan, np.inf, 1e9, 0.0], [0.0, 0.0, 0.0, 0.0])
    assert np.isnan(latitude[:3]).all()
    assert (latitude[3], longitude[3]) == pytest.approx((40.7, -111.8))
    assert np.isnan(distance_m([40.7, 95.0], [0.0, 0.0], 40.7, [np.nan, 0.0])).all()


def test_shapes_are_kept() -> None:
    frame = LocalFrame(0.0, 0.0)
    assert frame.to_local(np.zeros((3, 2)), np.zeros((3, 2)))[0].shape == (3, 2)
    assert frame.to_local(1.0, [2.0, 3.0])[1].shape == (2,)
    assert frame.to_local(1.0, 2.0)[0].shape == ()
    assert frame.to_wgs84([], [])[0].shape == (0,)
    assert distance_m(np.zeros((2, 1)), 0.0, 0.0, np.zeros((1, 3))).shape == (2, 3)


def test_a_frame_survives_pickling() -> None:
    frame = LocalFrame(40.7, -111.8)
    frame.to_local(40.8, -111.9)
    again = pickle.loads(pickle.dumps(frame))
    assert again == frame
    assert np.array_equal(again.to_local(40.8, -111.9), frame.to_local(40.8, -111.9))


@pytest.mark.parametrize(("latitude", "longitude"), [(111.0, 0.0), (0.0, 181.0), (np.nan, 0.0)])
def test_an_origin_off_the_earth_is_refused(latitude: float, longitude: float) -> None:
    with pytest.raises(ValueError, match="is not within"):
        LocalFrame(latitude, longitude)


def test_is_position() -> None:
    assert is_position([90.0, -90.0, 90.1, np.nan], [180.0, -180.0, 0.0, 0.0]).tolist() == [
        True,
        True,
        False,
        False,
    ]

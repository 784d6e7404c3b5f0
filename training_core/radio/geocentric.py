"""Straight lines through the Earth: geodetic positions as points in space."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64Array = NDArray[np.float64]

_SEMI_MAJOR_M: Final = 6_378_137.0
_ECCENTRICITY_2: Final = 0.0066943799901413165
"""WGS-84's: f (2 - f) with f = 1 / 298.257223563."""


def geocentric(
    latitude_deg: ArrayLike, longitude_deg: ArrayLike, altitude_m: ArrayLike
) -> Float64Array:
    """Points (..., 3) in meters from the Earth's center (EPSG:4978; NIMA TR8350.2, 4.3.2)."""
    latitude, longitude = np.radians(latitude_deg), np.radians(longitude_deg)
    altitude = np.asarray(altitude_m, dtype=np.float64)
    normal = _normal_radius_m(latitude)
    equatorial = (normal + altitude) * np.cos(latitude)
    return np.stack(
        np.broadcast_arrays(
            equatorial * np.cos(longitude),
            equatorial * np.sin(longitude),
            (normal * (1.0 - _ECCENTRICITY_2) + altitude) * np.sin(latitude),
        ),
        axis=-1,
    )


def local_axes(latitude_deg: ArrayLike, longitude_deg: ArrayLike) -> Float64Array:
    """Unit vectors (..., 3, 3) in space: rows are east, north and up at each place."""
    latitude, longitude = np.broadcast_arrays(np.radians(latitude_deg), np.radians(longitude_deg))
    sin_lat, cos_lat = np.sin(latitude), np.cos(latitude)
    sin_lon, cos_lon = np.sin(longitude), np.cos(longitude)
    zero = np.zeros_like(latitude)
    east = np.stack([-sin_lon, cos_lon, zero], axis=-1)
    north = np.stack([-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat], axis=-1)
    up = np.stack([cos_lat * cos_lon, cos_lat * sin_lon, sin_lat], axis=-1)
    return np.stack([east, north, up], axis=-2)


def moved(
    latitude_deg: Float64Array,
    longitude_deg: Float64Array,
    altitude_m: Float64Array,
    east_m: Float64Array,
    north_m: Float64Array,
) -> tuple[Float64Array, Float64Array]:
    """Latitude and longitude after small steps at constant altitude.

    A step is divided by the radius of curvature, so that it is right to its square: the solvers
    that take it come back for the rest.
    """
    latitude = np.radians(latitude_deg)
    normal = _normal_radius_m(latitude)
    meridian = normal * (1.0 - _ECCENTRICITY_2) / (1.0 - _ECCENTRICITY_2 * np.sin(latitude) ** 2)
    to_north = np.degrees(north_m / (meridian + altitude_m))
    circle = (normal + altitude_m) * np.maximum(np.cos(latitude), 1e-6)
    moved_latitude: Float64Array = np.clip(latitude_deg + to_north, -89.9999, 89.9999)
    moved_longitude: Float64Array = longitude_deg + np.degrees(east_m / circle)
    return moved_latitude, (moved_longitude + 180.0) % 360.0 - 180.0


def _normal_radius_m(latitude_rad: Float64Array) -> Float64Array:
    """Radius of curvature across the meridian."""
    radius: Float64Array = _SEMI_MAJOR_M / np.sqrt(
        1.0 - _ECCENTRICITY_2 * np.sin(latitude_rad) ** 2
    )
    return radius

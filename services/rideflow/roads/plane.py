"""Distances and bearings on the ground, and a flat plane that a city fits on.

Longitude and latitude are degrees (WGS 84), distances metres, bearings degrees
clockwise from north. The plane is equirectangular around one latitude: within 30 km
of it a distance is off by less than 0.2 %, less than the road data itself.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rideflow.roads.arrays import Floats

EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG
METRES_PER_DEGREE = EARTH_RADIUS_M * np.pi / 180.0


def haversine_m(
    lon_a: npt.ArrayLike, lat_a: npt.ArrayLike, lon_b: npt.ArrayLike, lat_b: npt.ArrayLike
) -> Floats:
    """Return the great-circle distance in metres, element by element."""
    lam_a, phi_a, lam_b, phi_b = (np.radians(value) for value in (lon_a, lat_a, lon_b, lat_b))
    half = (
        np.sin((phi_b - phi_a) / 2) ** 2
        + np.cos(phi_a) * np.cos(phi_b) * np.sin((lam_b - lam_a) / 2) ** 2
    )
    return np.asarray(2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(half)), np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Metres east (x) and north (y) of a place."""

    lon: float
    lat: float

    @property
    def metres_per_lon(self) -> float:
        return float(METRES_PER_DEGREE * np.cos(np.radians(self.lat)))

    def x(self, lon: npt.ArrayLike) -> Floats:
        return (np.asarray(lon, np.float64) - self.lon) * self.metres_per_lon

    def y(self, lat: npt.ArrayLike) -> Floats:
        return (np.asarray(lat, np.float64) - self.lat) * METRES_PER_DEGREE

    def to_lon(self, x: npt.ArrayLike) -> Floats:
        return np.asarray(x, np.float64) / self.metres_per_lon + self.lon

    def to_lat(self, y: npt.ArrayLike) -> Floats:
        return np.asarray(y, np.float64) / METRES_PER_DEGREE + self.lat


def bearing_deg(east_m: npt.ArrayLike, north_m: npt.ArrayLike) -> Floats:
    """Return the direction of a step, in degrees clockwise from north, 0 <= bearing < 360."""
    return np.asarray(np.degrees(np.arctan2(east_m, north_m)) % 360.0, np.float64)

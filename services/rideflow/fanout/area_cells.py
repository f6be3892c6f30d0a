"""Which H3 cells a watched box has: those in it and one ring around, cut off at a limit."""

from typing import Final

import h3.api.basic_int as h3
from h3 import H3BaseException

from rideflow.contracts.ids import AREA_RESOLUTION, AreaCell
from rideflow.contracts.push import AREA_CELLS_MAX, WatchArea

# 200 cells are about 12 km across: a larger box is cut to this around its centre at once,
# so that nobody makes us fill a continent with cells.
HALF_SIDE_DEGREES_MAX: Final = 0.08


class BadArea(Exception):
    """The box is not one; the message says why."""


def cells_of(area: WatchArea) -> frozenset[AreaCell]:
    """The cells to show for a box, at most AREA_CELLS_MAX. Raises `BadArea`."""
    _check(area)
    lat, lon = (area.south + area.north) / 2, (area.west + area.east) / 2
    centre = h3.latlng_to_cell(lat, lon, AREA_RESOLUTION)
    half_height = min(HALF_SIDE_DEGREES_MAX, (area.north - area.south) / 2)
    half_width = min(2 * HALF_SIDE_DEGREES_MAX, (area.east - area.west) / 2)
    south, north = max(-90.0, lat - half_height), min(90.0, lat + half_height)
    west, east = lon - half_width, lon + half_width
    corners = [(south, west), (south, east), (north, east), (north, west)]
    inside = {centre}
    if half_height > 0 and half_width > 0:  # H3 refuses a polygon without an inside
        inside.update(h3.h3shape_to_cells(h3.LatLngPoly(corners), AREA_RESOLUTION))
    inside.update(h3.latlng_to_cell(*corner, AREA_RESOLUTION) for corner in corners)
    cells = {near for cell in inside for near in h3.grid_disk(cell, 1)}
    if len(cells) > AREA_CELLS_MAX:
        nearest_first = sorted(cells, key=lambda cell: (_steps(centre, cell), cell))
        cells = set(nearest_first[:AREA_CELLS_MAX])
    return frozenset(map(AreaCell, cells))


def _check(area: WatchArea) -> None:
    if not (-90 <= area.south <= area.north <= 90):
        raise BadArea(f"south {area.south} and north {area.north} are not -90 <= south <= north")
    if not (-180 <= area.west <= area.east <= 180):
        raise BadArea(f"west {area.west} and east {area.east} are not -180 <= west <= east")


def _steps(centre: int, cell: int) -> float:
    try:
        return float(h3.grid_distance(centre, cell))
    except H3BaseException:  # across a pentagon the grid has no distance
        return float("inf")

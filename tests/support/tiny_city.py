"""A small made-up city for tests: a square grid of two-way streets, built like a real one."""

import json
from pathlib import Path
from typing import Any

from citysim.citypack.build import build_city_pack
from rideflow.roads.pack import CityPack

WEST, SOUTH = 11.95, 57.70
BLOCK_LON, BLOCK_LAT = 0.001677, 0.000899  # a block of about 100 m at that latitude


def tiny_city(folder: Path, *, columns: int = 8, rows: int = 6) -> CityPack:
    """Build the pack of a grid in `folder` and return it loaded: columns by rows junctions.

    Streets run east at 30 km/h and avenues north at 50; `Row 0` is the southernmost,
    `Column 0` the westernmost. Junction (column, row) lies at `junction(column, row)`.
    """
    source = folder.with_name(f"{folder.name}.source.geojson")
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(json.dumps(grid_source(columns=columns, rows=rows)))
    build_city_pack(source, folder, name="Tiny")
    return CityPack.load(folder)


def junction(column: int, row: int) -> tuple[float, float]:
    """Return longitude and latitude of a junction."""
    return round(WEST + column * BLOCK_LON, 7), round(SOUTH + row * BLOCK_LAT, 7)


def grid_source(*, columns: int = 8, rows: int = 6) -> dict[str, Any]:
    """Return the grid as an Overpass export: one way per street and avenue."""
    streets = [
        street(
            number=1 + row,
            name=f"Row {row}",
            points=[junction(column, row) for column in range(columns)],
        )
        for row in range(rows)
    ]
    avenues = [
        street(
            number=101 + column,
            name=f"Column {column}",
            points=[junction(column, row) for row in range(rows)],
            highway="primary",
            maxspeed="50",
        )
        for column in range(columns)
    ]
    return {"type": "FeatureCollection", "features": streets + avenues}


def street(
    *, number: int, name: str, points: list[tuple[float, float]], **tags: str
) -> dict[str, Any]:
    """Return one way as a GeoJSON feature; a residential street unless the tags say otherwise."""
    return {
        "type": "Feature",
        "id": f"way/{number}",
        "properties": {"@id": f"way/{number}", "highway": "residential", "name": name} | tags,
        "geometry": {"type": "LineString", "coordinates": [list(point) for point in points]},
    }

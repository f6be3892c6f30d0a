"""Reads an OpenStreetMap extract in the PBF format (.osm.pbf), with libosmium."""

from pathlib import Path
from typing import Any

import osmium

from citysim.citypack.features import Area, Features, Point, SourceBad, Way, rounded


def read_pbf(path: Path) -> Features:
    """Return the tagged ways and areas of the file. A way is cut where the extract lacks a node."""
    if not path.is_file():
        raise SourceBad(path, "there is no such file")
    features = Features()
    processor = (
        osmium.FileProcessor(str(path))
        .with_locations()
        .with_areas()
        .with_filter(osmium.filter.EmptyTagFilter())
    )
    try:
        for thing in processor:
            _add(features, thing)
    except RuntimeError as error:
        raise SourceBad(path, f"is not an .osm.pbf file: {error}") from None
    return features


def _add(features: Features, thing: Any) -> None:
    if thing.is_way():
        points = _points(thing.nodes)
        if len(points) > 1:
            features.ways.append(Way(way_id=thing.id, tags=dict(thing.tags), points=points))
    elif thing.is_area():
        polygons = [
            [_points(outer), *(_points(inner) for inner in thing.inner_rings(outer))]
            for outer in thing.outer_rings()
        ]
        features.areas.append(Area(tags=dict(thing.tags), polygons=polygons))


def _points(nodes: Any) -> list[Point]:
    return [
        rounded(node.location.lon, node.location.lat) for node in nodes if node.location.valid()
    ]

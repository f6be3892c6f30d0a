"""The base map of a city pack: GeoJSON lines and areas, small enough to be served whole.

Each feature has `k`, its kind. Roads also have `c`, their class 0 to 8, `n`, their name
where they have one, `o` where they are one-way (1 forward, -1 backward), and `b` or `t`
where they are bridges or tunnels.
"""

from typing import Any

from citysim.citypack.features import Area, Features, Point, Way
from citysim.citypack.tags import (
    Direction,
    area_kind,
    direction,
    is_drivable,
    line_kind,
    road_class,
)

_DIGITS = 6  # 10 cm: half the bytes of seven digits after compression, and below a pixel


def basemap(features: Features) -> dict[str, Any]:
    """Return the FeatureCollection: areas first, so that roads are drawn over them."""
    drawn = [_area(area) for area in features.areas] + [_line(way) for way in features.ways]
    return {
        "type": "FeatureCollection",
        "features": [feature for feature in drawn if feature is not None],
    }


def _area(area: Area) -> dict[str, Any] | None:
    kind = area_kind(area.tags)
    if kind is None:
        return None
    polygons = [[_coordinates(ring) for ring in polygon] for polygon in area.polygons]
    properties = {"k": kind} | _name(area.tags.get("name"))
    return _feature(properties, "MultiPolygon", polygons)


def _line(way: Way) -> dict[str, Any] | None:
    kind = line_kind(way.tags)
    if kind is None or len(way.points) < 2:
        return None
    properties = {"k": kind} | _name(way.tags.get("name")) | _road_properties(way)
    return _feature(properties, "LineString", _coordinates(way.points))


def _road_properties(way: Way) -> dict[str, Any]:
    found = road_class(way.tags)
    if found is None:
        return {}
    properties: dict[str, Any] = {"c": int(found)}
    if is_drivable(way.tags) and (allowed := direction(way.tags)) is not Direction.BOTH:
        properties["o"] = 1 if allowed is Direction.FORWARD else -1
    for tag in ("bridge", "tunnel"):
        if way.tags.get(tag, "no") != "no":
            properties[tag[0]] = 1
    return properties


def _name(name: str | None) -> dict[str, Any]:
    return {"n": name} if name else {}


def _coordinates(points: list[Point]) -> list[list[float]]:
    return [[round(lon, _DIGITS), round(lat, _DIGITS)] for lon, lat in points]


def _feature(properties: dict[str, Any], kind: str, coordinates: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": kind, "coordinates": coordinates},
    }

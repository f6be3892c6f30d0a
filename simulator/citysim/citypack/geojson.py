"""Reads a GeoJSON export of OpenStreetMap ways, as overpass-turbo writes it (RFC 7946)."""

import json
from pathlib import Path
from typing import Any

from citysim.citypack.features import Area, Features, Point, SourceBad, Way, rounded


def read_geojson(path: Path) -> Features:
    """Return the ways and areas of the file. Points and relations without a shape are left out."""
    found = _feature_collection(path)
    features = Features(timestamp=str(found.get("timestamp", "")))
    for number, feature in enumerate(found["features"]):
        try:
            _add(features, feature)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SourceBad(path, f"feature {number} is not a GeoJSON feature: {error!r}") from None
    return features


def _feature_collection(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise SourceBad(path, "there is no such file") from None
    except OSError as error:
        raise SourceBad(path, f"cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SourceBad(path, f"is not GeoJSON: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("features"), list):
        raise SourceBad(path, "is not GeoJSON: there is no FeatureCollection with `features` in it")
    return found


def _add(features: Features, feature: dict[str, Any]) -> None:
    geometry, tags = feature["geometry"], feature["properties"]
    if geometry is None or tags is None:
        return
    tags = {key: value for key, value in tags.items() if isinstance(value, str)}
    coordinates = geometry["coordinates"]
    match geometry["type"]:
        case "LineString":
            features.ways.append(Way(way_id=_way_id(tags), tags=tags, points=_line(coordinates)))
        case "Polygon":
            features.areas.append(Area(tags=tags, polygons=[_polygon(coordinates)]))
        case "MultiPolygon":
            polygons = [_polygon(polygon) for polygon in coordinates]
            features.areas.append(Area(tags=tags, polygons=polygons))


def _way_id(tags: dict[str, str]) -> int:
    kind, _, number = tags.get("@id", "").partition("/")
    return int(number) if kind == "way" and number.isdecimal() else 0


def _line(coordinates: list[list[float]]) -> list[Point]:
    return [rounded(place[0], place[1]) for place in coordinates]


def _polygon(rings: list[list[list[float]]]) -> list[list[Point]]:
    return [_line(ring) for ring in rings]

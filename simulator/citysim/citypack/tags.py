"""What OpenStreetMap tags mean to a car: road class, speed, direction, access."""

from collections.abc import Mapping
from enum import Enum

from rideflow.roads.graph import RoadClass

Tags = Mapping[str, str]

MPH_TO_KMH = 1.609344
WALKING_KMH = 7.0

# What is usual on a road of that kind in a European city, where no limit is tagged.
USUAL_KMH = {
    "motorway": 90.0,
    "trunk": 70.0,
    "primary": 50.0,
    "secondary": 45.0,
    "tertiary": 40.0,
    "unclassified": 30.0,
    "residential": 30.0,
    "living_street": 10.0,
    "service": 15.0,
    "road": 30.0,
    "motorway_link": 60.0,
    "trunk_link": 50.0,
    "primary_link": 40.0,
    "secondary_link": 35.0,
    "tertiary_link": 30.0,
}

_CLASS_BY_HIGHWAY = {
    "motorway": RoadClass.MOTORWAY,
    "trunk": RoadClass.TRUNK,
    "primary": RoadClass.PRIMARY,
    "secondary": RoadClass.SECONDARY,
    "tertiary": RoadClass.TERTIARY,
    "unclassified": RoadClass.LOCAL,
    "residential": RoadClass.LOCAL,
    "living_street": RoadClass.LOCAL,
    "road": RoadClass.LOCAL,
    "service": RoadClass.SERVICE,
    "pedestrian": RoadClass.PEDESTRIAN,
    "footway": RoadClass.PATH,
    "cycleway": RoadClass.PATH,
    "path": RoadClass.PATH,
    "steps": RoadClass.PATH,
    "track": RoadClass.PATH,
    "bridleway": RoadClass.PATH,
}


_WATER = {
    "natural": frozenset({"water"}),
    "waterway": frozenset({"riverbank"}),
    "landuse": frozenset({"reservoir", "basin"}),
}
_GREEN = {
    "natural": frozenset({"wood", "scrub", "grassland", "heath"}),
    "landuse": frozenset(
        {"forest", "grass", "cemetery", "meadow", "recreation_ground", "village_green"}
    ),
    "leisure": frozenset({"park", "garden", "nature_reserve", "pitch", "golf_course"}),
}


class Direction(Enum):
    """Which ways a car may drive along a way, seen from its first point."""

    BOTH = "both"
    FORWARD = "forward"
    BACKWARD = "backward"


def road_class(tags: Tags) -> RoadClass | None:
    """Return how big the road is; None for what is no road (platforms, building sites)."""
    return _CLASS_BY_HIGHWAY.get(tags.get("highway", "").removesuffix("_link"))


def is_drivable(tags: Tags) -> bool:
    return tags.get("highway") in USUAL_KMH and tags.get("access") not in ("no", "private")


def direction(tags: Tags) -> Direction:
    """Return the allowed direction; motorways and roundabouts are one-way without saying so."""
    oneway = tags.get("oneway")
    if oneway == "-1":
        return Direction.BACKWARD
    implied = tags.get("highway") == "motorway" or tags.get("junction") == "roundabout"
    if oneway in ("yes", "1", "true") or (implied and oneway != "no"):
        return Direction.FORWARD
    return Direction.BOTH


def kmh(tags: Tags) -> float:
    """Return the speed limit, or what is usual for the class where none can be read.

    Understood: `50`, `50 km/h`, `30 mph`, `walk`, and the lowest of `70;50`. Zones like
    `SE:urban`, `none` and `signals` fall back to the class.
    """
    limits = [_limit_kmh(part) for part in tags.get("maxspeed", "").split(";")]
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else USUAL_KMH[tags["highway"]]


def _limit_kmh(text: str) -> float | None:
    number, _, unit = text.strip().lower().partition(" ")
    if number == "walk" or number.endswith(":walk"):
        return WALKING_KMH
    if number.endswith("mph"):
        number, unit = number.removesuffix("mph"), "mph"
    if not number.isdecimal() or int(number) == 0:
        return None
    return float(number) * (MPH_TO_KMH if unit.strip() == "mph" else 1.0)


def area_kind(tags: Tags) -> str | None:
    """Return `water`, `green`, `building` or `plaza` for an area worth drawing, else None."""
    if "building" in tags:
        return "building"
    if _says(tags, _WATER):
        return "water"
    if _says(tags, _GREEN):
        return "green"
    return "plaza" if tags.get("highway") == "pedestrian" else None


def _says(tags: Tags, wanted: Mapping[str, frozenset[str]]) -> bool:
    return any(tags.get(key) in values for key, values in wanted.items())


def line_kind(tags: Tags) -> str | None:
    """Return `road`, `rail`, `coast` or `stream` for a line worth drawing, else None."""
    if road_class(tags) is not None:
        return "road"
    if tags.get("railway") in ("rail", "tram", "light_rail", "subway"):
        return "rail"
    if tags.get("natural") == "coastline":
        return "coast"
    return "stream" if tags.get("waterway") in ("river", "canal", "stream") else None

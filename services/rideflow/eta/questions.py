"""Reading what the HTTP questions ask: places and numbers, or what was wrong with which field."""

import math
from collections.abc import Mapping

from rideflow.roads.city_roads import CityRoads
from rideflow.roads.spots import Spot


class BadQuestion(Exception):
    """A question that cannot be answered: the message says why, `field` which part it was."""

    def __init__(self, field: str, message: str, *, code: str = "bad_request") -> None:
        super().__init__(message)
        self.field = field
        self.code = code


def degrees(query: Mapping[str, str], field: str, limit: float) -> float:
    """A latitude (limit 90) or longitude (limit 180)."""
    return _degrees(_given(query, field), field, limit)


def place(query: Mapping[str, str], field: str) -> tuple[float, float]:
    """LAT,LON in degrees."""
    text = _given(query, field)
    parts = text.split(",")
    if len(parts) != 2:
        raise BadQuestion(field, f"{field}={text!r} is not LAT,LON")
    return _degrees(parts[0], field, 90.0), _degrees(parts[1], field, 180.0)


def whole(query: Mapping[str, str], field: str, *, usual: int, most: int) -> int:
    """A count from 1 to `most`; `usual` where it is not given."""
    text = query.get(field, "")
    if not text:
        return usual
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise BadQuestion(field, f"{field}={text!r} is not a whole number from 1 to {most}")
    return int(text)


def words(query: Mapping[str, str], field: str, *, length_max: int) -> str:
    """Text to search for."""
    text = _given(query, field)
    if len(text) > length_max:
        raise BadQuestion(field, f"{field} is longer than {length_max} characters")
    return text


def on_road(roads: CityRoads, lat: float, lon: float, field: str) -> Spot:
    """The spot on the road next to a place."""
    spot = roads.spot(lat, lon)
    if spot is None:
        city = roads.pack.facts.name
        raise BadQuestion(
            field,
            f"{lat},{lon} is more than 200 m from any road of {city}",
            code="no_road",
        )
    return spot


def _given(query: Mapping[str, str], field: str) -> str:
    text = query.get(field, "").strip()
    if not text:
        raise BadQuestion(field, f"{field} is missing")
    return text


def _degrees(text: str, field: str, limit: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= limit:  # also true of NaN
        raise BadQuestion(
            field, f"{field}: {text.strip()!r} is not between -{limit:g} and {limit:g}"
        )
    return value

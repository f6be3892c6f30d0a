"""What a source yields: OpenStreetMap ways and areas, whatever file they came from."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from citysim.citypack.tags import Tags

Point = tuple[float, float]
"""Longitude and latitude in degrees, rounded to seven digits (1 cm): equal points are one node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A line with tags."""

    way_id: int
    tags: Tags
    points: list[Point]


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A surface with tags: polygons, each an outer ring followed by its holes."""

    tags: Tags
    polygons: list[list[list[Point]]]


@dataclass(slots=True, kw_only=True)
class Features:
    """All that a source holds and we can use, in the order of the source."""

    ways: list[Way] = field(default_factory=list)
    areas: list[Area] = field(default_factory=list)
    timestamp: str = ""


class FeatureReader(Protocol):
    """Reads one kind of file. Raises `SourceBad`, naming the file and what is wrong."""

    def __call__(self, path: Path) -> Iterator[Way | Area]: ...


class SourceBad(Exception):
    """A source cannot be made into a city pack."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def rounded(lon: float, lat: float) -> Point:
    return (round(lon, 7), round(lat, 7))

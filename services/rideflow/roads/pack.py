"""A city pack: the folder that holds a city's roads, names and base map, and its reader."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rideflow.roads.graph import COLUMNS, RoadGraph, RoadGraphBad

PACK_VERSION = 1
FACTS_FILE = "city.json"
ROADS_FILE = "roads.npz"
NAMES_FILE = "names.json"
BASEMAP_FILE = "basemap.geojson"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """A box in degrees; it ends where the road network ends."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CityFacts:
    """What `city.json` says: which city this is, where, and what it was made from."""

    name: str
    slug: str
    bounds: Bounds
    centre_lon: float
    centre_lat: float
    attribution: str
    counts: dict[str, int]
    source: dict[str, str]
    pack_version: int = PACK_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class CityPack:
    """A city in memory: its facts, its road graph, and the street names that edges refer to."""

    facts: CityFacts
    graph: RoadGraph
    names: tuple[str, ...]

    @classmethod
    def load(cls, folder: Path) -> "CityPack":
        """Read the pack in `folder`. Raises `CityPackBad`, naming the file and what is wrong."""
        if not folder.is_dir():
            raise CityPackBad(folder, "there is no such folder; `hailstream city build` makes one")
        facts = _facts(_json(folder / FACTS_FILE), folder / FACTS_FILE)
        names = _json(folder / NAMES_FILE)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise CityPackBad(folder / NAMES_FILE, "is not a list of names")
        graph = _graph(folder / ROADS_FILE)
        if graph.name.max(initial=-1) >= len(names):
            raise CityPackBad(folder / NAMES_FILE, "has fewer names than the roads refer to")
        return cls(facts=facts, graph=graph, names=tuple(names))

    def street(self, edge: int) -> str:
        """Return the name of the street that an edge belongs to; empty where it has none."""
        name = int(self.graph.name[edge])
        return self.names[name] if name >= 0 else ""


class CityPackBad(Exception):
    """A city pack cannot be used."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"city pack: {path}: {reason}")
        self.path = path
        self.reason = reason


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CityPackBad(path, "the file is missing; build the pack again") from None
    except ValueError as error:
        raise CityPackBad(path, f"is not JSON: {error}") from None


def _facts(found: Any, path: Path) -> CityFacts:
    version = found.get("pack_version") if isinstance(found, dict) else None
    if version != PACK_VERSION:
        raise CityPackBad(path, f"is of version {version}, this program reads {PACK_VERSION}")
    try:
        return CityFacts(**{**found, "bounds": Bounds(**found["bounds"])})
    except (KeyError, TypeError) as error:
        raise CityPackBad(path, f"has other fields than expected: {error}") from None


def _graph(path: Path) -> RoadGraph:
    try:
        with np.load(path) as columns:
            return RoadGraph(**{name: columns[name] for name in COLUMNS})
    except FileNotFoundError:
        raise CityPackBad(path, "the file is missing; build the pack again") from None
    except KeyError as error:
        raise CityPackBad(path, f"lacks the column {error}") from None
    except (RoadGraphBad, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CityPackBad(path, str(error)) from None

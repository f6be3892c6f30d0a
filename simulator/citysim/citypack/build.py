"""Builds a city pack: reads a source, makes graph and base map, writes the folder.

The same source gives the same bytes. The folder is written beside its place and moved
there at the end, so that a build that was interrupted leaves no half pack.
"""

import hashlib
import json
import re
import shutil
import unicodedata
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from citysim.citypack.basemap import basemap
from citysim.citypack.features import Features, SourceBad
from citysim.citypack.geojson import read_geojson
from citysim.citypack.network import NoDrivableRoads, road_graph
from rideflow.roads.graph import COLUMNS, RoadGraph
from rideflow.roads.pack import (
    BASEMAP_FILE,
    FACTS_FILE,
    NAMES_FILE,
    ROADS_FILE,
    Bounds,
    CityFacts,
    CityPack,
)

ATTRIBUTION = "© OpenStreetMap contributors"

STEPS = ("read the source", "make the road graph", "draw the base map", "write the pack")
OnStep = Callable[[str], None]


def build_city_pack(
    source: Path, out: Path, *, name: str = "", on_step: OnStep = lambda _: None
) -> CityPack:
    """Build the pack of `source` (.osm.pbf, or GeoJSON) in the folder `out`; replace what is there.

    `on_step` is called with each of `STEPS` as it begins. Raises `SourceBad`.
    """
    on_step(STEPS[0])
    features = read_source(source)
    on_step(STEPS[1])
    try:
        graph, names = road_graph(features.ways)
    except NoDrivableRoads:
        raise SourceBad(source, f"has no drivable roads among {len(features.ways)} ways") from None
    pack = CityPack(
        facts=_facts(name or _name_of(source), source, features, graph, names),
        graph=graph,
        names=tuple(names),
    )
    on_step(STEPS[2])
    drawing = basemap(features)
    on_step(STEPS[3])
    _write(pack, drawing, out)
    return pack


def read_source(source: Path) -> Features:
    """Return what the file holds; its name says of which kind it is."""
    if source.suffix == ".pbf":
        from citysim.citypack.pbf import read_pbf  # libosmium loads slowly; few need it

        return read_pbf(source)
    return read_geojson(source)


def _name_of(source: Path) -> str:
    return source.name.split(".")[0].replace("-", " ").replace("_", " ").title()


def slug_of(name: str) -> str:
    """Return the name as it may stand in a path or an address: `Göteborg` -> `goteborg`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "city"


def _facts(
    name: str, source: Path, features: Features, graph: RoadGraph, names: list[str]
) -> CityFacts:
    lon, lat = graph.node_lon, graph.node_lat
    return CityFacts(
        name=name,
        slug=slug_of(name),
        bounds=Bounds(
            west=float(lon.min()),
            south=float(lat.min()),
            east=float(lon.max()),
            north=float(lat.max()),
        ),
        centre_lon=round(float(np.median(lon)), 6),
        centre_lat=round(float(np.median(lat)), 6),
        attribution=ATTRIBUTION,
        counts={
            "nodes": graph.node_count,
            "edges": graph.edge_count,
            "names": len(names),
            "ways": len(features.ways),
            "areas": len(features.areas),
            "road_km": round(float(_one_way_length_m(graph)) / 1000),
        },
        source={
            "file": source.name,
            "sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
            "timestamp": features.timestamp,
        },
    )


def _one_way_length_m(graph: RoadGraph) -> float:
    """Return the length of all roads, each stretch counted once."""
    first_of_pair = (graph.reverse < 0) | (graph.reverse > np.arange(graph.edge_count))
    return float(graph.length_m[first_of_pair].sum())


def _write(pack: CityPack, drawing: object, out: Path) -> None:
    fresh = out.with_name(f".{out.name}.fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    facts = asdict(pack.facts)
    _write_json(fresh / FACTS_FILE, facts, indent=2)
    _write_json(fresh / NAMES_FILE, list(pack.names))
    _write_json(fresh / BASEMAP_FILE, drawing)
    np.savez_compressed(
        fresh / ROADS_FILE, **{column: getattr(pack.graph, column) for column in COLUMNS}
    )
    shutil.rmtree(out, ignore_errors=True)
    fresh.rename(out)


def _write_json(path: Path, found: object, indent: int | None = None) -> None:
    separators = None if indent else (",", ":")
    text = json.dumps(found, ensure_ascii=False, indent=indent, separators=separators)
    path.write_text(text, encoding="utf-8")

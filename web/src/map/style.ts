/**
 * Our MapLibre style of a city pack's base map. Without `glyphs` MapLibre draws names with the
 * page's own fonts, so no glyph server is needed.
 *
 * Features of the pack: `k` kind of area; roads `c` class 0 to 8, `n` name, `o` one-way
 * (1 forward, -1 backward), `b` bridge, `t` tunnel.
 */

import type {
  ExpressionSpecification,
  LayerSpecification,
  LineLayerSpecification,
  StyleSpecification,
} from "maplibre-gl";

import type { Palette } from "./palette";

const SERVICE = 6;
const BIG = 4;

/** Line width by road class, growing with the zoom; `extra` is added on both sides. */
function width(extra: number): ExpressionSpecification {
  const at = (widths: readonly number[]): ExpressionSpecification => [
    "match",
    ["get", "c"],
    0, (widths[0] ?? 1) + extra,
    1, (widths[1] ?? 1) + extra,
    2, (widths[2] ?? 1) + extra,
    3, (widths[3] ?? 1) + extra,
    4, (widths[4] ?? 1) + extra,
    5, (widths[5] ?? 1) + extra,
    (widths[6] ?? 1) + extra,
  ];
  return [
    "interpolate",
    ["exponential", 1.6],
    ["zoom"],
    10, at([1, 0.9, 0.8, 0.6, 0.5, 0.3, 0.1]),
    13, at([2.4, 2.2, 2.1, 1.9, 1.6, 1.1, 0.5]),
    15, at([7, 6.5, 6.5, 6, 5.5, 4, 2]),
    18, at([26, 24, 24, 22, 20, 16, 9]),
  ];
}

const byClass = (palette: Palette): ExpressionSpecification => [
  "match",
  ["get", "c"],
  0, palette.roads[0],
  1, palette.roads[1],
  2, palette.roads[2],
  3, palette.roads[3],
  4, palette.roads[4],
  5, palette.roads[5],
  palette.roads[6],
];

const isRoad = (max: number): ExpressionSpecification => ["all", ["has", "c"], ["<=", ["get", "c"], max]];
const isSmallRoad: ExpressionSpecification = ["all", ["has", "c"], [">", ["get", "c"], BIG], ["<=", ["get", "c"], SERVICE]];
const isPath: ExpressionSpecification = ["all", ["has", "c"], [">", ["get", "c"], SERVICE]];
const isArea = (kind: string): ExpressionSpecification => ["all", ["==", ["get", "k"], kind], ["==", ["geometry-type"], "Polygon"]];

function area(kind: string, color: string, minzoom: number): LayerSpecification {
  return { id: kind, type: "fill", source: "city", minzoom, filter: isArea(kind), paint: { "fill-color": color } };
}

/** Important roads lie over small ones, and every fill over every casing. */
const ROUND: NonNullable<LineLayerSpecification["layout"]> = {
  "line-cap": "round",
  "line-join": "round",
  "line-sort-key": ["-", ["get", "c"]],
};

function roads(palette: Palette): LayerSpecification[] {
  const tunnel: ExpressionSpecification = ["case", ["has", "t"], 0.45, 1];
  return [
    {
      id: "path", type: "line", source: "city", minzoom: 14.5, filter: isPath,
      layout: { "line-cap": "butt", "line-join": "round" },
      paint: {
        "line-color": palette.path,
        "line-width": ["interpolate", ["linear"], ["zoom"], 14.5, 0.6, 18, 2.2],
        "line-dasharray": [3, 1.6],
        "line-opacity": ["interpolate", ["linear"], ["zoom"], 14.5, 0, 15.2, 1],
      },
    },
    {
      id: "casing-small", type: "line", source: "city", minzoom: 13, filter: isSmallRoad, layout: ROUND,
      paint: { "line-color": palette.casing, "line-width": width(1.4), "line-opacity": tunnel },
    },
    {
      id: "casing-big", type: "line", source: "city", filter: isRoad(BIG), layout: ROUND,
      paint: { "line-color": palette.casing, "line-width": width(1.8), "line-opacity": tunnel },
    },
    {
      id: "road-small", type: "line", source: "city", minzoom: 11.5, filter: isSmallRoad, layout: ROUND,
      paint: { "line-color": byClass(palette), "line-width": width(0), "line-opacity": tunnel },
    },
    {
      id: "road-big", type: "line", source: "city", filter: isRoad(BIG), layout: ROUND,
      paint: { "line-color": byClass(palette), "line-width": width(0), "line-opacity": tunnel },
    },
  ];
}

function labels(palette: Palette): LayerSpecification[] {
  const paint = { "text-color": palette.text, "text-halo-color": palette.halo, "text-halo-width": 1.6 };
  const names = (id: string, minzoom: number, filter: ExpressionSpecification, size: number): LayerSpecification => ({
    id, type: "symbol", source: "city", minzoom, filter: ["all", ["has", "n"], filter],
    layout: {
      "symbol-placement": "line",
      "symbol-spacing": 320,
      "text-field": ["get", "n"],
      "text-font": ["Inter"],
      "text-size": ["interpolate", ["linear"], ["zoom"], minzoom, size, 18, size + 3],
      "text-letter-spacing": 0.01,
      "text-padding": 8,
      "symbol-sort-key": ["get", "c"],
    },
    paint,
  });
  return [
    {
      id: "one-way", type: "symbol", source: "city", minzoom: 16, filter: ["all", ["has", "o"], isRoad(SERVICE)],
      layout: {
        "symbol-placement": "line",
        "symbol-spacing": 110,
        "icon-image": "one-way",
        "icon-rotate": ["case", ["==", ["get", "o"], -1], 180, 0],
        "icon-size": 0.5,
        "icon-ignore-placement": true,
      },
    },
    names("names-big", 13, isRoad(3), 11),
    names("names-middle", 14, ["all", ["has", "c"], [">", ["get", "c"], 3], ["<=", ["get", "c"], 5]], 10.5),
    names("names-small", 15.5, ["all", ["has", "c"], [">", ["get", "c"], 5]], 10),
  ];
}

/** Lines that a page draws over the roads: each feature has `color`, `width`, `opacity`, `casing`. */
function drawn(palette: Palette): LayerSpecification[] {
  return [
    {
      id: "drawn-casing", type: "line", source: "drawn", layout: { "line-cap": "round", "line-join": "round" },
      paint: { "line-color": palette.carEdge, "line-width": ["+", ["get", "width"], 3], "line-opacity": ["get", "casing"] },
    },
    {
      id: "drawn", type: "line", source: "drawn", layout: { "line-cap": "round", "line-join": "round" },
      paint: { "line-color": ["get", "color"], "line-width": ["get", "width"], "line-opacity": ["get", "opacity"] },
    },
  ];
}

/** Points that a page marks: each feature has `color`, `radius`, `filled`. */
function spots(palette: Palette): LayerSpecification {
  return {
    id: "spots", type: "circle", source: "spots",
    paint: {
      "circle-radius": ["get", "radius"],
      "circle-color": ["get", "color"],
      "circle-opacity": ["case", ["get", "filled"], 1, 0.14],
      "circle-stroke-color": ["case", ["get", "filled"], palette.carEdge, ["get", "color"]],
      "circle-stroke-width": 1.5,
    },
  };
}

export function styleOf(palette: Palette, basemapUrl: string, attribution: string): StyleSpecification {
  return {
    version: 8,
    sources: {
      city: { type: "geojson", data: basemapUrl, maxzoom: 15, tolerance: 0.5, attribution },
      drawn: { type: "geojson", data: { type: "FeatureCollection", features: [] } },
      spots: { type: "geojson", data: { type: "FeatureCollection", features: [] } },
    },
    layers: [
      { id: "land", type: "background", paint: { "background-color": palette.land } },
      area("green", palette.green, 0),
      area("water", palette.water, 0),
      area("plaza", palette.plaza, 14),
      area("building", palette.building, 14),
      ...roads(palette),
      ...labels(palette),
      ...drawn(palette),
      spots(palette),
    ],
  };
}

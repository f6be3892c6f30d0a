/** The street at a point of the map, read from what the map has drawn there. */

import type { CityMap } from "../map/citymap";
import { metresBetween } from "../state/mercator";

const ROADS = ["road-big", "road-small"];
const REACH_PX = 48;

/** Null: no named street within reach. */
export function streetAt(city: CityMap, at: { lat: number; lon: number }): string | null {
  if (!city.map.isStyleLoaded()) return null;
  const point = city.map.project([at.lon, at.lat]);
  const box: [[number, number], [number, number]] = [
    [point.x - REACH_PX, point.y - REACH_PX],
    [point.x + REACH_PX, point.y + REACH_PX],
  ];
  let best: string | null = null;
  let bestM = Infinity;
  for (const feature of city.map.queryRenderedFeatures(box, { layers: ROADS })) {
    const name: unknown = feature.properties["n"];
    const shape = feature.geometry as { type: string; coordinates: number[][] };
    if (typeof name !== "string" || shape.type !== "LineString") continue;
    for (const [lon = 0, lat = 0] of shape.coordinates) {
      const metres = metresBetween(at, { lat, lon });
      if (metres >= bestM) continue;
      bestM = metres;
      best = name;
    }
  }
  return best;
}

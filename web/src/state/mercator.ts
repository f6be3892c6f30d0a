/**
 * Web Mercator in units of the world's width: x and y in [0, 1), y grows to the south.
 */

const EARTH_M = 40_075_016.686;

export const mercatorX = (lon: number): number => (lon + 180) / 360;

export const mercatorY = (lat: number): number =>
  0.5 - Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360)) / (2 * Math.PI);

export const lonOf = (x: number): number => x * 360 - 180;

export const latOf = (y: number): number => (Math.atan(Math.exp((0.5 - y) * 2 * Math.PI)) * 360) / Math.PI - 90;

/** How many world widths a metre is at this latitude. */
export const perMetre = (lat: number): number => 1 / (EARTH_M * Math.cos((lat * Math.PI) / 180));

/** Metres between two places of one city (flat: well below 0.1 % off within 50 km). */
export function metresBetween(a: { lat: number; lon: number }, b: { lat: number; lon: number }): number {
  const kx = 111_320 * Math.cos((((a.lat + b.lat) / 2) * Math.PI) / 180);
  return Math.hypot((b.lon - a.lon) * kx, (b.lat - a.lat) * 110_574);
}

/** Degrees clockwise from north, [0, 360). */
export function bearingBetween(a: { lat: number; lon: number }, b: { lat: number; lon: number }): number {
  const east = (b.lon - a.lon) * Math.cos((((a.lat + b.lat) / 2) * Math.PI) / 180);
  const degrees = (Math.atan2(east, b.lat - a.lat) * 180) / Math.PI;
  return (degrees + 360) % 360;
}

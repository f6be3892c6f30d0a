/**
 * A car driven along a route in thought: how far it is, which street it is on, which comes next.
 */

import type { RouteReply } from "../contracts/generated";
import { bearingBetween, metresBetween } from "./mercator";

export interface Walk {
  readonly route: RouteReply;
  /** Metres from the start, by shape point. */
  readonly along: readonly number[];
  readonly metres: number;
}

export interface Spot {
  lat: number;
  lon: number;
  bearing: number;
}

export function startWalk(route: RouteReply): Walk {
  const along: number[] = [0];
  for (let i = 1; i < route.line.length; i += 1) {
    along.push((along[i - 1] ?? 0) + metresBetween(pointAt(route, i - 1), pointAt(route, i)));
  }
  return { route, along, metres: 0 };
}

const pointAt = (route: RouteReply, index: number): { lat: number; lon: number } => {
  const [lon, lat] = route.line[index] ?? [0, 0];
  return { lat, lon };
};

export const lengthOf = (walk: Walk): number => walk.along.at(-1) ?? 0;

export const isThere = (walk: Walk): boolean => walk.metres >= lengthOf(walk);

export const leftM = (walk: Walk): number => Math.max(0, lengthOf(walk) - walk.metres);

/** Usual speed of this route, metres per second. */
export const usualSpeed = (walk: Walk): number =>
  Math.min(33, Math.max(3, lengthOf(walk) / Math.max(1, walk.route.seconds)));

export const walked = (walk: Walk, metres: number): Walk => ({
  ...walk,
  metres: Math.min(lengthOf(walk), walk.metres + metres),
});

/** Null: the route has no length. */
export function spotOf(walk: Walk): Spot | null {
  const next = walk.along.findIndex((metres) => metres > walk.metres);
  const index = next === -1 ? walk.along.length - 1 : next;
  if (index < 1) return null;
  const from = pointAt(walk.route, index - 1);
  const to = pointAt(walk.route, index);
  const start = walk.along[index - 1] ?? 0;
  const stretch = (walk.along[index] ?? 0) - start;
  const share = stretch === 0 ? 1 : (walk.metres - start) / stretch;
  return {
    lat: from.lat + (to.lat - from.lat) * share,
    lon: from.lon + (to.lon - from.lon) * share,
    bearing: bearingBetween(from, to),
  };
}

export interface Guidance {
  street: string;
  /** The next street with another name; null: none before the goal. */
  next: { street: string; inM: number } | null;
}

export function guidanceOf(walk: Walk): Guidance {
  const { steps } = walk.route;
  let end = 0;
  const index = steps.findIndex((step) => {
    end += step.metres;
    return end > walk.metres;
  });
  const here = steps[index === -1 ? steps.length - 1 : index]?.name ?? "";
  if (index === -1) return { street: here, next: null };
  for (const step of steps.slice(index + 1)) {
    if (step.name !== "" && step.name !== here) return { street: here, next: { street: step.name, inM: end - walk.metres } };
    end += step.metres;
  }
  return { street: here, next: null };
}

/**
 * The server's clock, seen from here: ages are only true when both ends agree what "now" is.
 *
 * The quickest message is the one that tells the offset best, so the smallest difference wins;
 * it is forgotten slowly, in case one of the clocks is set.
 */

const FORGET_MS_PER_S = 2;

export interface ServerClock {
  /** Local minus server milliseconds, network delay included; null: nothing heard yet. */
  readonly offsetMs: number | null;
  readonly atMs: number;
}

export const UNHEARD: ServerClock = { offsetMs: null, atMs: 0 };

export function onServerTime(clock: ServerClock, serverMs: number, localMs: number): ServerClock {
  const seen = localMs - serverMs;
  if (clock.offsetMs === null) return { offsetMs: seen, atMs: localMs };
  const drifted = clock.offsetMs + (FORGET_MS_PER_S * Math.max(0, localMs - clock.atMs)) / 1000;
  return { offsetMs: Math.min(seen, drifted), atMs: localMs };
}

export const toLocalMs = (clock: ServerClock, serverMs: number): number => serverMs + (clock.offsetMs ?? 0);

export const toServerMs = (clock: ServerClock, localMs: number): number => localMs - (clock.offsetMs ?? 0);

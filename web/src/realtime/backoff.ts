/**
 * How long to wait before the next attempt: full jitter, so that a restarted server does not
 * meet all its clients at once (AWS Architecture Blog, "Exponential Backoff And Jitter").
 */

const BASE_MS = 300;
const CAP_MS = 8_000;

/** Milliseconds in [0, min(cap, base * 2^(attempt-1))); `random` gives [0, 1). */
export function fullJitterMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt - 1, 20));
  return Math.floor(random() * ceiling);
}

/** What a car looks like: a doubt about it goes before its state. */

import { CarFlag, DARK_AFTER_MS } from "../contracts/generated";
import type { CarTable } from "../state/cars";
import { LOOKS, Look } from "./palette";

/** The look of a car now. One that nobody has heard for long is dark, whatever it was doing. */
export function lookOf(table: CarTable, slot: number, nowMs: number): number {
  const flags = table.flags[slot] ?? 0;
  if ((flags & CarFlag.DARK) !== 0 || nowMs - (table.fixAtMs[slot] ?? 0) > DARK_AFTER_MS) return Look.DARK;
  if ((flags & CarFlag.SUSPECT) !== 0) return Look.SUSPECT;
  return (table.state[slot] ?? 0) % LOOKS;
}

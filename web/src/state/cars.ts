/**
 * Cars as keyed state in flat arrays: what the map draws, 30,000 at once without garbage.
 *
 * Places are Web Mercator world units. A car is shown where its last fix says it should be by
 * now (`place`): it goes on with its speed for one report interval, then slows to a stand.
 * A new fix that disagrees with what was shown is blended in, so that cars glide.
 */

import { CAR, CarFlag, PushKind } from "../contracts/generated";
import type { PushFrame } from "../realtime/pushframes";
import { mercatorX, mercatorY, perMetre } from "./mercator";

const REPORT_MS = 1_000;
const SLOWING_MS = 1_500;
const BLEND_MS = 350;
/** A fix further away than this is a jump, not an error of prediction: gliding would lie. */
const JUMP_M = 120;

const FLOATS = ["x", "y", "vx", "vy", "errorX", "errorY", "fixAtMs", "updatedAtMs"] as const;

export class CarTable {
  count = 0;
  ids = new Uint32Array(0);
  x = new Float64Array(0);
  y = new Float64Array(0);
  /** World units per millisecond. */
  vx = new Float64Array(0);
  vy = new Float64Array(0);
  errorX = new Float64Array(0);
  errorY = new Float64Array(0);
  /** Local clock. */
  fixAtMs = new Float64Array(0);
  updatedAtMs = new Float64Array(0);
  bearingCdeg = new Uint16Array(0);
  speedCmS = new Uint16Array(0);
  state = new Uint8Array(0);
  flags = new Uint8Array(0);
  private generation = new Uint32Array(0);
  private generationNow = 0;
  private readonly slots = new Map<number, number>();

  slotOf(car: number): number | null {
    return this.slots.get(car) ?? null;
  }

  clear(): void {
    this.count = 0;
    this.slots.clear();
  }

  /**
   * `madeAtMs`: when the server made the frame, on the local clock: a frame that was long on its
   * way must not look fresh. `whole`: cars that the frame does not name are forgotten.
   */
  apply(
    frame: PushFrame,
    nowMs: number,
    madeAtMs: number = nowMs,
    whole: boolean = frame.kind === PushKind.SNAPSHOT,
  ): void {
    this.generationNow += 1;
    const { rows, count } = frame;
    for (let row = 0; row < count; row += 1) this.applyRow(rows, row * CAR.size, nowMs, madeAtMs);
    if (whole) this.forgetOlder();
  }

  private applyRow(rows: DataView, at: number, nowMs: number, madeAtMs: number): void {
    const car = rows.getUint32(at + CAR.car, true);
    const flags = rows.getUint8(at + CAR.flags);
    if ((flags & CarFlag.GONE) !== 0) {
      this.remove(car);
      return;
    }
    const lat = rows.getInt32(at + CAR.lat_e7, true) / 1e7;
    const x = mercatorX(rows.getInt32(at + CAR.lon_e7, true) / 1e7);
    const y = mercatorY(lat);
    const bearing = rows.getUint16(at + CAR.bearing_cdeg, true);
    const speed = rows.getUint16(at + CAR.speed_cm_s, true);
    const fixAtMs = madeAtMs - rows.getUint16(at + CAR.fix_ago_ms, true);
    const unit = perMetre(lat);
    const known = this.slots.get(car);
    const slot = known ?? this.add(car);
    if (known === undefined) {
      this.errorX[slot] = 0;
      this.errorY[slot] = 0;
    } else {
      this.place(slot, nowMs, shown);
    }
    const angle = (bearing * Math.PI) / 18_000;
    const perMs = (speed / 100_000) * unit;
    this.x[slot] = x;
    this.y[slot] = y;
    this.vx[slot] = Math.sin(angle) * perMs;
    this.vy[slot] = -Math.cos(angle) * perMs;
    this.fixAtMs[slot] = fixAtMs;
    this.updatedAtMs[slot] = nowMs;
    this.bearingCdeg[slot] = bearing;
    this.speedCmS[slot] = speed;
    this.state[slot] = rows.getUint8(at + CAR.state);
    this.flags[slot] = flags;
    this.generation[slot] = this.generationNow;
    if (known !== undefined) this.blend(slot, nowMs, JUMP_M * unit);
  }

  /** Keep showing what was shown (`shown`), and let the difference fade. */
  private blend(slot: number, nowMs: number, jump: number): void {
    this.errorX[slot] = 0;
    this.errorY[slot] = 0;
    const wasX = shown.x;
    const wasY = shown.y;
    this.place(slot, nowMs, shown);
    const dx = wasX - shown.x;
    const dy = wasY - shown.y;
    if (Math.abs(dx) > jump || Math.abs(dy) > jump) return;
    this.errorX[slot] = dx;
    this.errorY[slot] = dy;
  }

  /** Where the car is shown at `nowMs`, written to `out`. */
  place(slot: number, nowMs: number, out: { x: number; y: number }): void {
    const driven = drivenMs(nowMs - (this.fixAtMs[slot] ?? 0));
    const sinceUpdate = nowMs - (this.updatedAtMs[slot] ?? 0);
    const left = sinceUpdate < BLEND_MS ? 1 - sinceUpdate / BLEND_MS : 0;
    const weight = left * left * (3 - 2 * left);
    out.x = (this.x[slot] ?? 0) + (this.vx[slot] ?? 0) * driven + (this.errorX[slot] ?? 0) * weight;
    out.y = (this.y[slot] ?? 0) + (this.vy[slot] ?? 0) * driven + (this.errorY[slot] ?? 0) * weight;
  }

  private forgetOlder(): void {
    for (let slot = this.count - 1; slot >= 0; slot -= 1) {
      if (this.generation[slot] !== this.generationNow) this.remove(this.ids[slot] ?? 0);
    }
  }

  private add(car: number): number {
    if (this.count === this.ids.length) this.grow(Math.max(256, this.count * 2));
    const slot = this.count;
    this.count += 1;
    this.ids[slot] = car;
    this.slots.set(car, slot);
    return slot;
  }

  /** The last car takes the free place: the arrays stay dense. */
  private remove(car: number): void {
    const slot = this.slots.get(car);
    if (slot === undefined) return;
    this.slots.delete(car);
    this.count -= 1;
    const last = this.count;
    if (slot === last) return;
    for (const name of FLOATS) this[name][slot] = this[name][last] ?? 0;
    for (const column of this.smallColumns()) column[slot] = column[last] ?? 0;
    this.slots.set(this.ids[slot] ?? 0, slot);
  }

  private grow(capacity: number): void {
    const grown = <T extends Float64Array | Uint32Array | Uint16Array | Uint8Array>(fresh: T, old: T): T => {
      fresh.set(old);
      return fresh;
    };
    for (const name of FLOATS) this[name] = grown(new Float64Array(capacity), this[name]);
    this.ids = grown(new Uint32Array(capacity), this.ids);
    this.generation = grown(new Uint32Array(capacity), this.generation);
    this.bearingCdeg = grown(new Uint16Array(capacity), this.bearingCdeg);
    this.speedCmS = grown(new Uint16Array(capacity), this.speedCmS);
    this.state = grown(new Uint8Array(capacity), this.state);
    this.flags = grown(new Uint8Array(capacity), this.flags);
  }

  private smallColumns(): (Uint32Array | Uint16Array | Uint8Array)[] {
    return [this.ids, this.generation, this.bearingCdeg, this.speedCmS, this.state, this.flags];
  }
}

const shown = { x: 0, y: 0 };

/**
 * For how many milliseconds of its speed a car has driven on, `ageMs` after its fix: all of the
 * first report interval, then ever slower, at last not at all.
 */
export function drivenMs(ageMs: number): number {
  if (ageMs <= 0) return 0;
  if (ageMs <= REPORT_MS) return ageMs;
  const slowing = Math.min(1, (ageMs - REPORT_MS) / SLOWING_MS);
  return REPORT_MS + SLOWING_MS * (slowing - (slowing * slowing) / 2);
}

import { describe, expect, it } from "vitest";

import { CAR, CarFlag, PUSH_HEADER, PushKind } from "../contracts/generated";
import { readPushFrame, type PushFrame } from "../realtime/pushframes";
import { CarTable, drivenMs } from "./cars";
import { mercatorX, perMetre } from "./mercator";

interface Row {
  car: number;
  lat?: number;
  lon?: number;
  speed?: number;
  bearing?: number;
  ago?: number;
  flags?: number;
}

function frameOf(kind: PushKind, rows: Row[]): PushFrame {
  const bytes = new ArrayBuffer(PUSH_HEADER.size + rows.length * CAR.size);
  const view = new DataView(bytes);
  view.setUint8(PUSH_HEADER.kind, kind);
  view.setUint8(PUSH_HEADER.version, 1);
  view.setUint32(PUSH_HEADER.count, rows.length, true);
  rows.forEach((row, index) => {
    const at = PUSH_HEADER.size + index * CAR.size;
    view.setUint32(at + CAR.car, row.car, true);
    view.setInt32(at + CAR.lat_e7, Math.round((row.lat ?? 57.7) * 1e7), true);
    view.setInt32(at + CAR.lon_e7, Math.round((row.lon ?? 11.96) * 1e7), true);
    view.setUint16(at + CAR.fix_ago_ms, row.ago ?? 0, true);
    view.setUint16(at + CAR.speed_cm_s, (row.speed ?? 0) * 100, true);
    view.setUint16(at + CAR.bearing_cdeg, (row.bearing ?? 0) * 100, true);
    view.setUint8(at + CAR.state, 1);
    view.setUint8(at + CAR.flags, row.flags ?? 0);
  });
  const reading = readPushFrame(bytes);
  if (reading.kind !== "frame") throw new Error(reading.why);
  return reading.frame;
}

const idsOf = (table: CarTable): number[] => [...table.ids.slice(0, table.count)].sort((a, b) => a - b);

describe("the table of cars", () => {
  it("forgets what a snapshot does not name, and keeps what a delta does not name", () => {
    const table = new CarTable();
    table.apply(frameOf(PushKind.SNAPSHOT, [{ car: 1 }, { car: 2 }, { car: 3 }]), 0);
    table.apply(frameOf(PushKind.DELTA, [{ car: 2 }, { car: 4 }]), 10);
    expect(idsOf(table)).toEqual([1, 2, 3, 4]);
    table.apply(frameOf(PushKind.SNAPSHOT, [{ car: 3 }, { car: 9 }]), 20);
    expect(idsOf(table)).toEqual([3, 9]);
  });

  it("removes a car that is gone and keeps every other one in its place", () => {
    const table = new CarTable();
    table.apply(frameOf(PushKind.SNAPSHOT, [{ car: 1, lon: 11 }, { car: 2, lon: 12 }, { car: 3, lon: 13 }]), 0);
    table.apply(frameOf(PushKind.DELTA, [{ car: 1, flags: CarFlag.GONE }, { car: 77, flags: CarFlag.GONE }]), 5);
    expect(idsOf(table)).toEqual([2, 3]);
    const slot = table.slotOf(3);
    expect(table.x[slot ?? -1]).toBeCloseTo(mercatorX(13), 12);
  });

  it("holds thirty thousand cars after growing", () => {
    const table = new CarTable();
    const rows = Array.from({ length: 30_000 }, (_, car) => ({ car }));
    table.apply(frameOf(PushKind.CITY, rows), 0);
    expect(table.count).toBe(30_000);
    expect(table.slotOf(29_999)).toBe(29_999);
  });

  it("lets a car drive on east with its speed, from its fix and not from its arrival", () => {
    const table = new CarTable();
    table.apply(frameOf(PushKind.SNAPSHOT, [{ car: 1, speed: 10, bearing: 90, ago: 200 }]), 1_000);
    const out = { x: 0, y: 0 };
    table.place(0, 1_300, out);
    expect((out.x - mercatorX(11.96)) / perMetre(57.7)).toBeCloseTo(5, 1);
  });

  it("does not jump when a new fix differs a little, and does when it differs much", () => {
    const table = new CarTable();
    const before = { x: 0, y: 0 };
    const after = { x: 0, y: 0 };
    table.apply(frameOf(PushKind.SNAPSHOT, [{ car: 1 }]), 0);
    table.place(0, 500, before);
    table.apply(frameOf(PushKind.DELTA, [{ car: 1, lon: 11.9603 }]), 500);
    table.place(0, 500, after);
    expect(after.x).toBeCloseTo(before.x, 12);
    table.place(0, 900, after);
    expect(after.x).toBeCloseTo(mercatorX(11.9603), 12);
    table.apply(frameOf(PushKind.DELTA, [{ car: 1, lon: 12.2 }]), 1_000);
    table.place(0, 1_000, after);
    expect(after.x).toBeCloseTo(mercatorX(12.2), 12);
  });
});

describe("dead reckoning", () => {
  it("lasts one report interval, slows, and ends", () => {
    expect(drivenMs(-5)).toBe(0);
    expect(drivenMs(800)).toBe(800);
    expect(drivenMs(1_000)).toBe(1_000);
    const early = drivenMs(1_200) - drivenMs(1_100);
    const late = drivenMs(2_400) - drivenMs(2_300);
    expect(early).toBeLessThan(100);
    expect(late).toBeLessThan(early);
    expect(drivenMs(60_000)).toBe(drivenMs(2_500));
  });
});

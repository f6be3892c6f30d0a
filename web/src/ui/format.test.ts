import { describe, expect, it } from "vitest";

import { ago, compact, count, distance, milliseconds, minutesOf, span, wind } from "./format";

describe("numbers for people", () => {
  it("say times as people do", () => {
    expect([400, 2_900, 61_000, 7_300_000].map(ago)).toEqual(["now", "2 s ago", "1 min ago", "2 h ago"]);
    expect([0, 59.6, 260, null].map(span)).toEqual(["0 s", "1 min", "4 min 20 s", "–"]);
    expect(minutesOf(5)).toBe(1);
  });

  it("never show what is not known as zero", () => {
    expect([count(null), count(undefined), milliseconds(null)]).toEqual(["–", "–", "–"]);
    expect([count(0), milliseconds(0)]).toEqual(["0", "0"]);
  });

  it("stay short", () => {
    expect([980, 12_400, 312_000, 3_140_000].map(compact)).toEqual(["980", "12.4k", "312k", "3.1M"]);
    expect([4, 347, 2_449, 12_600].map(distance)).toEqual(["10 m", "350 m", "2.4 km", "13 km"]);
    expect([0, 44, 359].map(wind)).toEqual(["north", "north-east", "north"]);
  });
});

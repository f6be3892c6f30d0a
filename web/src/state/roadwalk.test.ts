import { describe, expect, it } from "vitest";

import type { RouteReply } from "../contracts/generated";
import { guidanceOf, isThere, leftM, lengthOf, spotOf, startWalk, walked } from "./roadwalk";

/** North for 1 km on one street, then east for 1 km on another, with a nameless ramp between. */
const route: RouteReply = {
  seconds: 200,
  p90_s: 260,
  metres: 2_000,
  line: [
    [11.96, 57.7],
    [11.96, 57.7 + 1_000 / 110_574],
    [11.96 + 1_000 / (111_320 * Math.cos((57.70904 * Math.PI) / 180)), 57.7 + 1_000 / 110_574],
  ],
  steps: [
    { name: "Norra gatan", metres: 990, seconds: 100 },
    { name: "", metres: 10, seconds: 2 },
    { name: "Östra gatan", metres: 1_000, seconds: 98 },
  ],
};

describe("a walk along a route", () => {
  it("is where its metres say, facing along the road", () => {
    const walk = walked(startWalk(route), 500);
    expect(spotOf(walk)).toMatchObject({ bearing: 0 });
    expect(spotOf(walk)?.lat).toBeCloseTo(57.7 + 500 / 110_574, 6);
    expect(spotOf(walked(walk, 700))?.bearing).toBeCloseTo(90, 3);
  });

  it("ends at its end and not beyond", () => {
    const walk = walked(startWalk(route), 99_999);
    expect(isThere(walk)).toBe(true);
    expect(leftM(walk)).toBe(0);
    expect(spotOf(walk)?.lon).toBeCloseTo(route.line[2]?.[0] ?? 0, 9);
    expect(lengthOf(walk)).toBeCloseTo(2_000, -1);
  });

  it("names the next street that has another name", () => {
    const guidance = guidanceOf(walked(startWalk(route), 800));
    expect(guidance.street).toBe("Norra gatan");
    expect(guidance.next?.street).toBe("Östra gatan");
    expect(guidance.next?.inM).toBeCloseTo(200, 0);
    expect(guidanceOf(walked(startWalk(route), 1_500)).next).toBeNull();
  });

  it("has no place on a route without length", () => {
    expect(spotOf(startWalk({ ...route, line: [[11.96, 57.7]], steps: [] }))).toBeNull();
  });
});

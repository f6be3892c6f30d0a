import { describe, expect, it } from "vitest";

import { fullJitterMs } from "./backoff";
import { IDLE, lostAtMs, onClosed, onHeard, onOnline, onStart, onTick, wantsSocket } from "./connection";

const half = (): number => 0.5;

describe("a connection", () => {
  it("is stale within three seconds of the last thing heard", () => {
    const live = onHeard(onStart(0), 100, 2_000);
    expect(onTick(live, 2_900, half).kind).toBe("live");
    expect(onTick(live, 3_100, half).kind).toBe("stale");
  });

  it("comes back from stale when the server is heard again", () => {
    const stale = onTick(onHeard(onStart(0), 0, 2_000), 3_000, half);
    expect(onHeard(stale, 3_200, 2_000)).toEqual({ kind: "live", heardAtMs: 3_200, silenceMs: 2_900 });
  });

  it("gives up a silent socket and remembers when it was last heard", () => {
    let state = onTick(onHeard(onStart(0), 0, 2_000), 3_000, half);
    state = onTick(state, 6_000, half);
    expect(state.kind).toBe("waiting");
    expect(wantsSocket(state)).toBe(false);
    expect(lostAtMs(state)).toBe(0);
  });

  it("waits longer after each failure, up to a limit, and starts over once it was live", () => {
    const waits: number[] = [];
    let state = onStart(0);
    let now = 0;
    for (let attempt = 0; attempt < 8; attempt += 1) {
      state = onClosed(state, 1006, "", now, () => 0.999);
      if (state.kind !== "waiting") throw new Error(state.kind);
      waits.push(state.retryAtMs - now);
      now = state.retryAtMs;
      state = onTick(state, now, half);
    }
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits.at(-1)).toBeLessThanOrEqual(8_000);
    const lost = onClosed(onHeard(state, now, 2_000), 1006, "", now, () => 0.999);
    expect(lost).toMatchObject({ kind: "waiting", attempt: 1 });
  });

  it("never tries again after a final refusal", () => {
    const refused = onClosed(onStart(0), 4101, "bad token", 5, half);
    expect(refused).toEqual({ kind: "refused", code: 4101, reason: "bad token" });
    expect(onTick(refused, 1e9, half)).toBe(refused);
    expect(onClosed(refused, 1006, "", 6, half)).toBe(refused);
  });

  it("tries again at once when the network returns", () => {
    const waiting = onClosed(onStart(0), 1006, "", 0, () => 0.999);
    expect(onTick(onOnline(waiting, 10), 10, half).kind).toBe("connecting");
  });

  it("stays idle whatever arrives late from an old socket", () => {
    expect(onClosed(IDLE, 1000, "", 0, half)).toBe(IDLE);
    expect(onHeard(IDLE, 0, 2_000)).toBe(IDLE);
  });
});

describe("full jitter", () => {
  it("spreads over the whole range", () => {
    expect(fullJitterMs(3, () => 0)).toBe(0);
    expect(fullJitterMs(3, () => 0.999)).toBe(1198);
    expect(fullJitterMs(500, () => 0.999)).toBeLessThan(8_000);
  });
});

import { describe, expect, it } from "vitest";

import { DriverState } from "../contracts/generated";
import type { Ping } from "../realtime/pingframes";
import {
  BACKLOG_PINGS_MAX,
  emptyOutbox,
  nextFrame,
  onAcknowledged,
  onFix,
  onSocketLost,
  unacknowledged,
  type Outbox,
} from "./outbox";

const fix: Omit<Ping, "sequence"> = {
  state: DriverState.OPEN,
  fixMs: 0,
  lat: 57.7,
  lon: 11.9,
  speed: 0,
  bearing: 0,
  accuracy: 5,
  mocked: false,
};

const take = (box: Outbox, times: number): Outbox => {
  let taken = box;
  for (let i = 0; i < times; i += 1) taken = onFix(taken, fix);
  return taken;
};

function sendAll(box: Outbox): { box: Outbox; frames: { numbers: number[]; backlog: boolean }[] } {
  const frames: { numbers: number[]; backlog: boolean }[] = [];
  let rest = box;
  for (let next = nextFrame(rest); next !== null; next = nextFrame(rest)) {
    frames.push({ numbers: next.pings.map((ping) => ping.sequence), backlog: next.backlog });
    rest = next.box;
  }
  return { box: rest, frames };
}

describe("the outbox", () => {
  it("sends the newest fix live and first, then what was buffered, oldest first", () => {
    const { frames } = sendAll(take(emptyOutbox(1), 4));
    expect(frames).toEqual([
      { numbers: [4], backlog: false },
      { numbers: [1, 2, 3], backlog: true },
    ]);
  });

  it("sends again on a new socket what the old one did not acknowledge, and only that", () => {
    let { box } = sendAll(take(emptyOutbox(1), 4));
    box = onAcknowledged(box, 1);
    box = take(onSocketLost(box), 1);
    expect(sendAll(box).frames).toEqual([
      { numbers: [5], backlog: false },
      { numbers: [1, 2, 3], backlog: true },
    ]);
    expect(box.acknowledged).toBe(1);
  });

  it("counts acknowledgements of the present socket only", () => {
    let box = onAcknowledged(sendAll(take(emptyOutbox(1), 1)).box, 1);
    box = onSocketLost(box);
    box = sendAll(take(box, 1)).box;
    box = onAcknowledged(box, 1);
    expect(unacknowledged(box)).toEqual([]);
    expect(onAcknowledged(box, 1)).toBe(box);
  });

  it("keeps only so many frames on the way", () => {
    const { frames } = sendAll(take(emptyOutbox(1), 1_000));
    expect(frames).toHaveLength(8);
  });

  it("drops the oldest when it is full, and counts them", () => {
    const box = take(emptyOutbox(1), BACKLOG_PINGS_MAX + 11);
    expect(box.backlog).toHaveLength(BACKLOG_PINGS_MAX);
    expect(box.dropped).toBe(10);
    expect(box.backlog[0]?.sequence).toBe(11);
  });

  it("loses nothing over a reload", () => {
    const { box } = sendAll(take(emptyOutbox(1), 3));
    const kept = unacknowledged(take(box, 2));
    expect(kept.map((ping) => ping.sequence)).toEqual([1, 2, 3, 4, 5]);
    expect(take(emptyOutbox(6, kept), 1).live?.sequence).toBe(6);
  });
});

import { describe, expect, it } from "vitest";

import { CAR, DriverState, PING, PUSH_HEADER, PingFlag, PushKind } from "../contracts/generated";
import { packPings, readAck, type Ping } from "./pingframes";
import { readPushFrame } from "./pushframes";
import { onServerTime, toLocalMs, UNHEARD } from "./serverclock";

const ping: Ping = {
  sequence: 4_000_000_000,
  state: DriverState.EN_ROUTE,
  fixMs: 1_790_000_000_123,
  lat: 57.7051234,
  lon: -11.9609876,
  speed: 13.25,
  bearing: 359.999,
  accuracy: 4.5,
  mocked: false,
};

describe("ping frames", () => {
  it("put every field where the contract says", () => {
    const view = new DataView(packPings(9_000_000_001, [ping, { ...ping, speed: null, bearing: null }], true));
    expect(view.byteLength).toBe(2 * PING.size);
    expect(view.getUint8(PING.version)).toBe(1);
    expect(view.getUint8(PING.state)).toBe(3);
    expect(view.getUint32(PING.sequence, true)).toBe(4_000_000_000);
    expect(view.getBigUint64(PING.driver, true)).toBe(9_000_000_001n);
    expect(view.getBigInt64(PING.fix_ms, true)).toBe(1_790_000_000_123n);
    expect(view.getInt32(PING.lat_e7, true)).toBe(577_051_234);
    expect(view.getInt32(PING.lon_e7, true)).toBe(-119_609_876);
    expect(view.getUint16(PING.speed_cm_s, true)).toBe(1_325);
    expect(view.getUint16(PING.accuracy_dm, true)).toBe(45);
    expect(view.getUint16(PING.flags, true)).toBe(PingFlag.BACKLOG);
    expect(view.getUint16(PING.size + PING.flags, true)).toBe(
      PingFlag.BACKLOG | PingFlag.NO_SPEED | PingFlag.NO_BEARING,
    );
  });

  it("keep a bearing just below north below 360 degrees", () => {
    expect(new DataView(packPings(1, [ping], false)).getUint16(PING.bearing_cdeg, true)).toBe(0);
  });

  it("read an acknowledgement and refuse anything else", () => {
    const bytes = new ArrayBuffer(16);
    const view = new DataView(bytes);
    view.setUint8(0, 1);
    view.setUint8(1, 1);
    view.setUint32(4, 7, true);
    view.setBigUint64(8, 12n, true);
    expect(readAck(bytes)).toEqual({ frames: 7, accepted: 12 });
    view.setUint8(1, 9);
    expect(readAck(bytes)).toBeNull();
    expect(readAck(new ArrayBuffer(15))).toBeNull();
  });
});

describe("push frames", () => {
  const frame = (count: number, size: number): ArrayBuffer => {
    const bytes = new ArrayBuffer(size);
    const view = new DataView(bytes);
    view.setUint8(PUSH_HEADER.kind, PushKind.DELTA);
    view.setUint8(PUSH_HEADER.version, 1);
    view.setUint32(PUSH_HEADER.count, count, true);
    view.setBigInt64(PUSH_HEADER.base_ms, 1_790_000_000_000n, true);
    return bytes;
  };

  it("are read with their header", () => {
    const reading = readPushFrame(frame(2, PUSH_HEADER.size + 2 * CAR.size));
    expect(reading).toMatchObject({ kind: "frame", frame: { kind: PushKind.DELTA, count: 2, baseMs: 1_790_000_000_000 } });
  });

  it.each([
    ["short", frame(0, 24).slice(0, 20)],
    ["torn", frame(2, PUSH_HEADER.size + CAR.size)],
    ["too long", frame(0, PUSH_HEADER.size + 1)],
  ])("that are %s are refused with a reason", (_name, bytes) => {
    expect(readPushFrame(bytes).kind).toBe("unreadable");
  });
});

describe("the server's clock", () => {
  it("believes the quickest message, and forgets slowly", () => {
    let clock = onServerTime(UNHEARD, 1_000, 6_050);
    clock = onServerTime(clock, 2_000, 7_010);
    clock = onServerTime(clock, 3_000, 8_400);
    expect(toLocalMs(clock, 3_000)).toBeCloseTo(8_013, 0);
  });
});

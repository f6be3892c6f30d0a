/**
 * PING frames going up and ACK frames coming down, byte for byte as the services declare them.
 */

import { ACK_KIND, ACK_SIZE, PING, PING_VERSION, PingFlag, type DriverState } from "../contracts/generated";

/** One fix of the phone, with what the driver was doing then. */
export interface Ping {
  sequence: number;
  state: DriverState;
  fixMs: number;
  lat: number;
  lon: number;
  /** Metres per second; null: the phone does not know. */
  speed: number | null;
  /** Degrees clockwise from north; null: the phone does not know. */
  bearing: number | null;
  /** Metres. */
  accuracy: number;
  mocked: boolean;
}

const within = (value: number, max: number): number => Math.min(max, Math.max(0, Math.round(value)));

export function packPings(driver: number, pings: readonly Ping[], backlog: boolean): ArrayBuffer {
  const bytes = new ArrayBuffer(pings.length * PING.size);
  const view = new DataView(bytes);
  pings.forEach((ping, index) => {
    packPing(view, index * PING.size, driver, ping, backlog);
  });
  return bytes;
}

function packPing(view: DataView, at: number, driver: number, ping: Ping, backlog: boolean): void {
  view.setUint8(at + PING.version, PING_VERSION);
  view.setUint8(at + PING.state, ping.state);
  view.setUint16(at + PING.flags, flagsOf(ping, backlog), true);
  view.setUint32(at + PING.sequence, ping.sequence, true);
  view.setBigUint64(at + PING.driver, BigInt(driver), true);
  view.setBigInt64(at + PING.fix_ms, BigInt(Math.round(ping.fixMs)), true);
  view.setInt32(at + PING.lat_e7, Math.round(ping.lat * 1e7), true);
  view.setInt32(at + PING.lon_e7, Math.round(ping.lon * 1e7), true);
  view.setUint16(at + PING.speed_cm_s, within((ping.speed ?? 0) * 100, 65_535), true);
  view.setUint16(at + PING.bearing_cdeg, within((ping.bearing ?? 0) * 100, 36_000) % 36_000, true);
  view.setUint16(at + PING.accuracy_dm, within(ping.accuracy * 10, 65_535), true);
}

function flagsOf(ping: Ping, backlog: boolean): number {
  return (
    (backlog ? PingFlag.BACKLOG : 0) |
    (ping.mocked ? PingFlag.MOCKED : 0) |
    (ping.speed === null ? PingFlag.NO_SPEED : 0) |
    (ping.bearing === null ? PingFlag.NO_BEARING : 0)
  );
}

export interface Ack {
  /** Binary frames acknowledged since the socket opened. */
  frames: number;
  accepted: number;
}

/** rideflow.contracts.driver_socket.ACK: "<BBHIQ", kind, version, reserved, frames, accepted. */
const ACK = { kind: 0, version: 1, frames: 4, accepted: 8 } as const;
const ACK_VERSION = 1;

/** Null: not an acknowledgement that this page knows. */
export function readAck(bytes: ArrayBuffer): Ack | null {
  if (bytes.byteLength !== ACK_SIZE) return null;
  const view = new DataView(bytes);
  if (view.getUint8(ACK.kind) !== ACK_KIND || view.getUint8(ACK.version) !== ACK_VERSION) return null;
  return { frames: view.getUint32(ACK.frames, true), accepted: Number(view.getBigUint64(ACK.accepted, true)) };
}

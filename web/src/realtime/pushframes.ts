/**
 * Binary frames of fan-out and ops: a header and `count` x CAR, read in place.
 */

import { CAR, PUSH_HEADER, PUSH_VERSION, PushKind } from "../contracts/generated";

export interface PushFrame {
  kind: PushKind;
  count: number;
  /** Server's clock when the frame was made. */
  baseMs: number;
  /** Places that newer ones replaced before they could be sent. */
  skipped: number;
  newestLagMs: number;
  rows: DataView;
}

export type FrameReading = { kind: "frame"; frame: PushFrame } | { kind: "unreadable"; why: string };

const KINDS: ReadonlySet<number> = new Set(Object.values(PushKind));

const isKind = (value: number): value is PushKind => KINDS.has(value);

export function readPushFrame(bytes: ArrayBuffer): FrameReading {
  if (bytes.byteLength < PUSH_HEADER.size) {
    return { kind: "unreadable", why: `a frame of ${bytes.byteLength} bytes is shorter than its header` };
  }
  const header = new DataView(bytes);
  const version = header.getUint8(PUSH_HEADER.version);
  if (version !== PUSH_VERSION) return { kind: "unreadable", why: `frame version ${version} is not ${PUSH_VERSION}` };
  const kind = header.getUint8(PUSH_HEADER.kind);
  if (!isKind(kind)) return { kind: "unreadable", why: `frame kind ${kind} is unknown` };
  const count = header.getUint32(PUSH_HEADER.count, true);
  if (bytes.byteLength !== PUSH_HEADER.size + count * CAR.size) {
    return { kind: "unreadable", why: `${count} cars do not make a frame of ${bytes.byteLength} bytes` };
  }
  return {
    kind: "frame",
    frame: {
      kind,
      count,
      baseMs: Number(header.getBigInt64(PUSH_HEADER.base_ms, true)),
      skipped: header.getUint32(PUSH_HEADER.skipped, true),
      newestLagMs: header.getUint32(PUSH_HEADER.newest_lag_ms, true),
      rows: new DataView(bytes, PUSH_HEADER.size),
    },
  };
}

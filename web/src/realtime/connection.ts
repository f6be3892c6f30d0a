/**
 * The life of one connection as a pure machine: events in, the next state out.
 * `link.ts` opens the sockets and timers that a state asks for.
 *
 * A connection that is open but silent for longer than the server promised is stale: the page
 * says so while the socket is still there, because a dead radio link closes no socket.
 */

import { fullJitterMs } from "./backoff";

/** Close codes from here on mean: a person must act, another attempt would end the same way. */
export const FINAL_CODES_FROM = 4100;
export const FINAL_CODES_END = 4200;

/** Slack on top of the promised heartbeat. With 2 s heartbeats a loss is said within 3 s. */
const SILENCE_SLACK_MS = 900;
/** An open that nobody answers is given up after this. */
const OPENING_MS_MAX = 5_000;
/** Stale for this long: a new socket is worth more than waiting for the old one. */
const STALE_MS_MAX = 3_000;

export type ConnectionState =
  | { kind: "idle" }
  | { kind: "connecting"; attempt: number; sinceMs: number; lostAtMs: number | null }
  | { kind: "live"; heardAtMs: number; silenceMs: number }
  | { kind: "stale"; heardAtMs: number; sinceMs: number; silenceMs: number }
  | { kind: "waiting"; attempt: number; retryAtMs: number; lostAtMs: number | null }
  | { kind: "refused"; code: number; reason: string };

export const IDLE: ConnectionState = { kind: "idle" };

export function onStart(nowMs: number): ConnectionState {
  return { kind: "connecting", attempt: 1, sinceMs: nowMs, lostAtMs: null };
}

/** Something was heard. `heartbeatMs`: the longest silence that the server promised. */
export function onHeard(state: ConnectionState, nowMs: number, heartbeatMs: number): ConnectionState {
  if (state.kind === "idle" || state.kind === "refused") return state;
  return { kind: "live", heardAtMs: nowMs, silenceMs: heartbeatMs + SILENCE_SLACK_MS };
}

export function onClosed(
  state: ConnectionState,
  code: number,
  reason: string,
  nowMs: number,
  random: () => number,
): ConnectionState {
  if (state.kind === "idle" || state.kind === "refused") return state;
  if (code >= FINAL_CODES_FROM && code < FINAL_CODES_END) return { kind: "refused", code, reason };
  const attempt = state.kind === "connecting" ? state.attempt + 1 : 1;
  return {
    kind: "waiting",
    attempt,
    retryAtMs: nowMs + fullJitterMs(attempt, random),
    lostAtMs: lostAtMs(state),
  };
}

/** The device says that it has a network again: no reason to wait longer. */
export function onOnline(state: ConnectionState, nowMs: number): ConnectionState {
  return state.kind === "waiting" ? { ...state, retryAtMs: nowMs } : state;
}

/** Time passed. The result differs by identity only where something is due. */
export function onTick(state: ConnectionState, nowMs: number, random: () => number): ConnectionState {
  switch (state.kind) {
    case "live":
      if (nowMs - state.heardAtMs <= state.silenceMs) return state;
      return { kind: "stale", heardAtMs: state.heardAtMs, sinceMs: nowMs, silenceMs: state.silenceMs };
    case "stale":
      return nowMs - state.sinceMs < STALE_MS_MAX ? state : onClosed(state, 1006, "silent", nowMs, random);
    case "connecting":
      return nowMs - state.sinceMs < OPENING_MS_MAX ? state : onClosed(state, 1006, "no answer", nowMs, random);
    case "waiting":
      if (nowMs < state.retryAtMs) return state;
      return { kind: "connecting", attempt: state.attempt, sinceMs: nowMs, lostAtMs: state.lostAtMs };
    case "idle":
    case "refused":
      return state;
  }
}

/** When the server was last heard before the present trouble; null: never, or no trouble. */
export function lostAtMs(state: ConnectionState): number | null {
  switch (state.kind) {
    case "live":
    case "stale":
      return state.heardAtMs;
    case "connecting":
    case "waiting":
      return state.lostAtMs;
    case "idle":
    case "refused":
      return null;
  }
}

/** A socket belongs to these states; in all others there must be none. */
export function wantsSocket(state: ConnectionState): boolean {
  return state.kind === "connecting" || state.kind === "live" || state.kind === "stale";
}

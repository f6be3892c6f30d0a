/**
 * Pings on their way from a phone to the log: the newest goes first and live, what was buffered
 * follows on the backlog lane, and nothing is forgotten before it is acknowledged.
 *
 * Acknowledgements are cumulative per socket and count frames; a new socket starts at zero, and
 * what the old one had not acknowledged is sent again.
 */

import type { Ping } from "../realtime/pingframes";

export interface Outbox {
  /** The number of the next ping of this driver's run. */
  readonly nextSequence: number;
  /** Taken but not yet sent: the newest fix. */
  readonly live: Ping | null;
  /** Oldest first. */
  readonly backlog: readonly Ping[];
  /** Frames sent on the present socket and not acknowledged, oldest first. */
  readonly inFlight: readonly (readonly Ping[])[];
  readonly framesAcknowledged: number;
  readonly acknowledged: number;
  /** Oldest buffered pings given up because the buffer was full. */
  readonly dropped: number;
}

/** Two hours at one ping a second. When full, the oldest are dropped: the newest place matters. */
export const BACKLOG_PINGS_MAX = 7_200;
const FRAMES_IN_FLIGHT_MAX = 8;
const BACKLOG_FRAME_PINGS = 50;

export function emptyOutbox(nextSequence: number, unsent: readonly Ping[] = []): Outbox {
  return {
    nextSequence,
    live: null,
    backlog: unsent,
    inFlight: [],
    framesAcknowledged: 0,
    acknowledged: 0,
    dropped: 0,
  };
}

/** A fix was taken. One that was never sent in its second is no longer live. */
export function onFix(box: Outbox, fix: Omit<Ping, "sequence">): Outbox {
  const waiting = box.live === null ? box.backlog : [...box.backlog, box.live];
  return bounded({
    ...box,
    nextSequence: box.nextSequence + 1,
    live: { ...fix, sequence: box.nextSequence },
    backlog: waiting,
  });
}

export interface Sending {
  box: Outbox;
  pings: readonly Ping[];
  backlog: boolean;
}

/** The next frame to send now, if any. */
export function nextFrame(box: Outbox): Sending | null {
  if (box.inFlight.length >= FRAMES_IN_FLIGHT_MAX) return null;
  if (box.live !== null) return sending({ ...box, live: null }, [box.live], false);
  if (box.backlog.length === 0) return null;
  const pings = box.backlog.slice(0, BACKLOG_FRAME_PINGS);
  return sending({ ...box, backlog: box.backlog.slice(pings.length) }, pings, true);
}

function sending(box: Outbox, pings: readonly Ping[], backlog: boolean): Sending {
  return { box: { ...box, inFlight: [...box.inFlight, pings] }, pings, backlog };
}

export function onAcknowledged(box: Outbox, frames: number): Outbox {
  const done = Math.min(frames - box.framesAcknowledged, box.inFlight.length);
  if (done <= 0) return box;
  const pings = box.inFlight.slice(0, done).reduce((sum, frame) => sum + frame.length, 0);
  return {
    ...box,
    inFlight: box.inFlight.slice(done),
    framesAcknowledged: box.framesAcknowledged + done,
    acknowledged: box.acknowledged + pings,
  };
}

/** The socket is gone: what it carried is buffered again, in order. */
export function onSocketLost(box: Outbox): Outbox {
  const again = box.inFlight.flat();
  const backlog = [...again, ...box.backlog].sort((a, b) => a.sequence - b.sequence);
  return bounded({ ...box, backlog, inFlight: [], framesAcknowledged: 0 });
}

/** All that the log may not have: what must survive a reload of the page. */
export function unacknowledged(box: Outbox): Ping[] {
  const all = [...box.inFlight.flat(), ...box.backlog];
  if (box.live !== null) all.push(box.live);
  return all.sort((a, b) => a.sequence - b.sequence);
}

function bounded(box: Outbox): Outbox {
  const over = box.backlog.length - BACKLOG_PINGS_MAX;
  return over <= 0 ? box : { ...box, backlog: box.backlog.slice(over), dropped: box.dropped + over };
}

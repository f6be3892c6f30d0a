/**
 * What a driver is doing, as the phone holds it: switched off, open, asked, or on a ride.
 *
 * The log decides about rides: `offered` and `assigned` are only entered on its facts. What the
 * driver just tapped is kept as `asked`, so that the page can show it as not yet confirmed.
 */

import { DriverState, type RideFact } from "../contracts/generated";

export type Stage = "en_route" | "waiting" | "on_trip";
export type Action = "accept" | "decline" | "arrive" | "board" | "drop";

export type Duty =
  | { kind: "off" }
  | { kind: "open"; note: string | null; completed: RideFact | null }
  | { kind: "offered"; fact: RideFact; asked: Action | null }
  | { kind: "assigned"; fact: RideFact; stage: Stage; asked: Action | null };

export type DutyEvent =
  | { kind: "switched_on" }
  | { kind: "switched_off" }
  | { kind: "told"; fact: RideFact; driver: number }
  | { kind: "acted"; action: Action }
  | { kind: "passed"; serverMs: number };

export const OFF: Duty = { kind: "off" };
const open = (note: string | null = null, completed: RideFact | null = null): Duty => ({ kind: "open", note, completed });

/** An offer that nobody told us the end of is over this long after its deadline. */
const LAPSE_GRACE_MS = 1_500;

export function onDuty(duty: Duty, event: DutyEvent): Duty {
  switch (event.kind) {
    case "switched_on":
      return duty.kind === "off" ? open() : duty;
    case "switched_off":
      return duty.kind === "assigned" ? duty : OFF;
    case "told":
      return onFact(duty, event.fact, event.driver);
    case "acted":
      return duty.kind === "offered" || duty.kind === "assigned" ? { ...duty, asked: event.action } : duty;
    case "passed":
      return isLapsed(duty, event.serverMs) ? open("The offer lapsed") : duty;
  }
}

function isLapsed(duty: Duty, serverMs: number): boolean {
  return duty.kind === "offered" && serverMs > (duty.fact.deadline_ms ?? Infinity) + LAPSE_GRACE_MS;
}

function onFact(duty: Duty, fact: RideFact, driver: number): Duty {
  if (duty.kind === "off") return duty;
  const known = duty.kind === "open" ? null : duty.fact;
  if (known?.ride === fact.ride && fact.number <= known.number) return duty;
  const mine = fact.driver === driver;
  switch (fact.state) {
    case "offered":
      if (mine && duty.kind === "open") return { kind: "offered", fact, asked: null };
      break;
    case "en_route":
    case "waiting":
    case "on_trip":
      if (mine) return { kind: "assigned", fact, stage: fact.state, asked: null };
      break;
    case "completed":
      if (known?.ride === fact.ride) return open(null, fact);
      break;
    case "cancelled":
    case "unmatched":
    case "requested":
      break;
  }
  return known?.ride === fact.ride ? open(noteOf(duty, fact)) : duty;
}

/** Why a ride or an offer that was ours is no longer. */
function noteOf(duty: Duty, fact: RideFact): string | null {
  if (fact.event === "ride_cancelled") return "The rider cancelled";
  if (fact.event === "offer_lapsed") return "The offer lapsed";
  if (fact.event === "offer_declined") return null;
  return duty.kind === "offered" ? "The ride went to someone else" : "The ride was taken back";
}

/** The state that goes into each ping. */
export function driverStateOf(duty: Duty): DriverState {
  switch (duty.kind) {
    case "off":
      return DriverState.OFFLINE;
    case "open":
      return DriverState.OPEN;
    case "offered":
      return DriverState.OFFERED;
    case "assigned":
      return { en_route: DriverState.EN_ROUTE, waiting: DriverState.WAITING, on_trip: DriverState.ON_TRIP }[duty.stage];
  }
}

/**
 * A rider's way through the page: where to, confirm, ride, receipt. Facts come from the ride lane,
 * in order and possibly twice; what was promised is kept beside what happened.
 */

import type { EtaPush, EtaReply, Place, ResumePoint, RideFact, RideState, RouteReply } from "../contracts/generated";

export type Loading<T> = { kind: "loading" } | { kind: "failed"; message: string } | { kind: "loaded"; value: T };

export interface Wait {
  atMs: number;
  seconds: number;
  p90S: number;
}

export interface RideView {
  ride: string;
  pickup: Place;
  destination: Place;
  /** In order, without repeats. */
  facts: readonly RideFact[];
  resume: ResumePoint | null;
  pickupWait: Wait | null;
  tripWait: Wait | null;
  /** The rider asked to cancel and the log has not answered yet. */
  cancelling: boolean;
}

export type RiderFlow =
  | { step: "where"; pickup: Place | null; note: string | null }
  | { step: "confirm"; pickup: Place; destination: Place; route: Loading<RouteReply>; wait: Loading<EtaReply | null>; asking: boolean; note: string | null }
  | { step: "ride"; view: RideView };

export type RiderEvent =
  | { kind: "pickup_set"; place: Place }
  | { kind: "destination_set"; place: Place }
  | { kind: "went_back" }
  | { kind: "route_came"; route: Loading<RouteReply> }
  | { kind: "wait_came"; wait: Loading<EtaReply | null> }
  | { kind: "asked" }
  | { kind: "ask_failed"; message: string }
  | { kind: "ask_taken"; ride: string }
  | { kind: "resumed"; view: RideView }
  | { kind: "fact_came"; fact: RideFact; resume: ResumePoint | null }
  | { kind: "eta_came"; eta: EtaPush }
  | { kind: "cancel_asked" }
  | { kind: "cancel_failed" }
  | { kind: "done" };

export const START: RiderFlow = { step: "where", pickup: null, note: null };

export function onRider(flow: RiderFlow, event: RiderEvent): RiderFlow {
  switch (event.kind) {
    case "pickup_set":
      return flow.step === "where" ? { ...flow, pickup: event.place } : flow;
    case "destination_set":
      if (flow.step !== "where" || flow.pickup === null) return flow;
      return confirm(flow.pickup, event.place);
    case "went_back":
      return flow.step === "confirm" ? { step: "where", pickup: flow.pickup, note: null } : flow;
    case "route_came":
      return flow.step === "confirm" ? { ...flow, route: event.route } : flow;
    case "wait_came":
      return flow.step === "confirm" ? { ...flow, wait: event.wait } : flow;
    case "asked":
      return flow.step === "confirm" ? { ...flow, asking: true, note: null } : flow;
    case "ask_failed":
      return flow.step === "confirm" ? { ...flow, asking: false, note: event.message } : flow;
    case "ask_taken":
      return flow.step === "confirm" ? { step: "ride", view: fresh(event.ride, flow.pickup, flow.destination) } : flow;
    case "resumed":
      return flow.step === "where" ? { step: "ride", view: event.view } : flow;
    case "fact_came":
    case "eta_came":
    case "cancel_asked":
    case "cancel_failed":
      return flow.step === "ride" ? { step: "ride", view: onRide(flow.view, event) } : flow;
    case "done":
      return flow.step === "ride" ? { step: "where", pickup: null, note: null } : flow;
  }
}

function confirm(pickup: Place, destination: Place): RiderFlow {
  const loading = { kind: "loading" } as const;
  return { step: "confirm", pickup, destination, route: loading, wait: loading, asking: false, note: null };
}

const fresh = (ride: string, pickup: Place, destination: Place): RideView => ({
  ride,
  pickup,
  destination,
  facts: [],
  resume: null,
  pickupWait: null,
  tripWait: null,
  cancelling: false,
});

type RideEventHere = Extract<RiderEvent, { kind: "fact_came" | "eta_came" | "cancel_asked" | "cancel_failed" }>;

function onRide(view: RideView, event: RideEventHere): RideView {
  switch (event.kind) {
    case "fact_came":
      return onFact(view, event.fact, event.resume);
    case "eta_came":
      return onEta(view, event.eta);
    case "cancel_asked":
      return { ...view, cancelling: true };
    case "cancel_failed":
      return { ...view, cancelling: false };
  }
}

function onFact(view: RideView, fact: RideFact, resume: ResumePoint | null): RideView {
  if (fact.ride !== view.ride) return view;
  const moved = { ...view, resume: resume ?? view.resume };
  if (fact.number <= (view.facts.at(-1)?.number ?? 0)) return moved;
  const facts = [...view.facts, fact];
  const isAccepted = fact.event === "offer_accepted";
  // Another driver is another wait: the old one's predictions say nothing about it.
  const pickupWait = isAccepted || fact.event === "driver_lost" ? waitOf(fact, fact.pickup_eta_s, fact.pickup_eta_p90_s) : view.pickupWait;
  const tripWait = fact.event === "rider_boarded" ? (view.tripWait ?? waitOf(fact, fact.trip_eta_s, fact.trip_eta_p90_s)) : view.tripWait;
  return { ...moved, facts, pickupWait, tripWait };
}

function waitOf(fact: RideFact, seconds: number | null | undefined, p90S: number | null | undefined): Wait | null {
  if (fact.event === "driver_lost" || seconds === null || seconds === undefined) return null;
  return { atMs: fact.at_ms, seconds, p90S: p90S ?? seconds };
}

function onEta(view: RideView, eta: EtaPush): RideView {
  if (eta.ride !== view.ride) return view;
  const wait = { atMs: eta.at_ms, seconds: eta.predicted_s, p90S: eta.p90_s };
  const older = eta.kind === "pickup" ? view.pickupWait : view.tripWait;
  if (older !== null && older.atMs > wait.atMs) return view;
  return eta.kind === "pickup" ? { ...view, pickupWait: wait } : { ...view, tripWait: wait };
}

export const latestFact = (view: RideView): RideFact | null => view.facts.at(-1) ?? null;

export const rideStateOf = (view: RideView): RideState => latestFact(view)?.state ?? "requested";

export const isOver = (state: RideState): boolean =>
  state === "completed" || state === "cancelled" || state === "unmatched";

export interface Kept {
  promisedS: number | null;
  tookS: number | null;
}

export interface Receipt {
  search: Kept;
  pickup: Kept;
  trip: Kept;
}

/** Times promised against times kept, from the facts alone; null where the log did not tell us. */
export function receiptOf(facts: readonly RideFact[]): Receipt {
  const last = (event: RideFact["event"]): RideFact | undefined => facts.findLast((fact) => fact.event === event);
  const accepted = last("offer_accepted");
  const arrived = last("driver_arrived");
  const boarded = last("rider_boarded");
  const dropped = last("rider_dropped");
  const between = (from: RideFact | undefined, to: RideFact | undefined): number | null =>
    from === undefined || to === undefined ? null : (to.at_ms - from.at_ms) / 1000;
  const requestedMs = facts[0]?.requested_ms;
  return {
    search: {
      promisedS: null,
      tookS: accepted === undefined || requestedMs === undefined ? null : (accepted.at_ms - requestedMs) / 1000,
    },
    pickup: { promisedS: accepted?.pickup_eta_s ?? null, tookS: between(accepted, arrived) },
    trip: { promisedS: boarded?.trip_eta_s ?? accepted?.trip_eta_s ?? null, tookS: between(boarded, dropped) },
  };
}

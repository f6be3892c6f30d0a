import { describe, expect, it } from "vitest";

import type { RideEvent, RideFact, RideState } from "../contracts/generated";
import { onRider, receiptOf, rideStateOf, START, type RiderEvent, type RiderFlow } from "./ride";

const here = { lat: 57.7, lon: 11.96 };
const there = { lat: 57.72, lon: 11.99 };

const fact = (number: number, event: RideEvent, state: RideState, atS: number, over: Partial<RideFact> = {}): RideFact => ({
  ride: "r1",
  number,
  event,
  state,
  at_ms: atS * 1000,
  region: "861f",
  rider: "u1",
  pickup: here,
  destination: there,
  requested_ms: 0,
  pickup_eta_s: 120,
  trip_eta_s: 300,
  ...over,
});

const came = (...args: Parameters<typeof fact>): RiderEvent => ({ kind: "fact_came", fact: fact(...args), resume: null });
const after = (...events: RiderEvent[]): RiderFlow => events.reduce(onRider, START);

const asked: RiderEvent[] = [
  { kind: "pickup_set", place: here },
  { kind: "destination_set", place: there },
  { kind: "asked" },
  { kind: "ask_taken", ride: "r1" },
];

const stateOf = (flow: RiderFlow): string => (flow.step === "ride" ? rideStateOf(flow.view) : flow.step);

describe("a rider's flow", () => {
  it("needs a pickup before a destination", () => {
    expect(after({ kind: "destination_set", place: there }).step).toBe("where");
  });

  it("goes back to the same pickup", () => {
    const flow = after(...asked.slice(0, 2), { kind: "went_back" });
    expect(flow).toMatchObject({ step: "where", pickup: here });
  });

  it("keeps the confirmation when asking fails, and says why", () => {
    const flow = after(...asked.slice(0, 3), { kind: "ask_failed", message: "The log is away" });
    expect(flow).toMatchObject({ step: "confirm", asking: false, note: "The log is away" });
  });

  it("shows the newest fact, whatever comes late or twice", () => {
    const flow = after(
      ...asked,
      came(1, "request_made", "requested", 0),
      came(3, "offer_accepted", "en_route", 9),
      came(2, "offer_sent", "offered", 4),
      came(3, "offer_accepted", "en_route", 9),
    );
    expect(stateOf(flow)).toBe("en_route");
    expect(flow.step === "ride" && flow.view.facts.length).toBe(2);
  });

  it("ignores another ride's facts", () => {
    const flow = after(...asked, came(9, "rider_dropped", "completed", 1, { ride: "r2" }));
    expect(stateOf(flow)).toBe("requested");
  });

  it("forgets the wait for a driver who was lost", () => {
    const flow = after(...asked, came(3, "offer_accepted", "en_route", 9), came(4, "driver_lost", "requested", 30));
    expect(flow.step === "ride" && flow.view.pickupWait).toBeNull();
  });

  it("takes newer predictions and refuses older ones", () => {
    const eta = (atS: number, seconds: number): RiderEvent => ({
      kind: "eta_came",
      eta: { type: "eta", ride: "r1", kind: "pickup", at_ms: atS * 1000, predicted_s: seconds, p90_s: seconds * 1.3 },
    });
    const flow = after(...asked, came(3, "offer_accepted", "en_route", 9), eta(20, 100), eta(15, 999));
    expect(flow.step === "ride" && flow.view.pickupWait?.seconds).toBe(100);
  });
});

describe("the receipt", () => {
  it("sets times promised against times kept", () => {
    const receipt = receiptOf([
      fact(1, "request_made", "requested", 0),
      fact(3, "offer_accepted", "en_route", 10),
      fact(4, "driver_arrived", "waiting", 140),
      fact(5, "rider_boarded", "on_trip", 170),
      fact(6, "rider_dropped", "completed", 450),
    ]);
    expect(receipt).toEqual({
      search: { promisedS: null, tookS: 10 },
      pickup: { promisedS: 120, tookS: 130 },
      trip: { promisedS: 300, tookS: 280 },
    });
  });

  it("leaves open what it did not hear", () => {
    expect(receiptOf([fact(6, "rider_dropped", "completed", 450)]).trip).toEqual({ promisedS: null, tookS: null });
  });
});

import { describe, expect, it } from "vitest";

import { DriverState, type RideFact } from "../contracts/generated";
import { driverStateOf, OFF, onDuty, type Duty, type DutyEvent } from "./duty";

const ME = 9_000_000_001;

const fact = (over: Partial<RideFact>): RideFact => ({
  ride: "r1",
  number: 1,
  event: "offer_sent",
  state: "offered",
  at_ms: 0,
  region: "861f",
  rider: "u1",
  pickup: { lat: 57.7, lon: 11.9 },
  destination: { lat: 57.71, lon: 11.95 },
  requested_ms: 0,
  driver: ME,
  deadline_ms: 15_000,
  ...over,
});

const told = (over: Partial<RideFact>): DutyEvent => ({ kind: "told", fact: fact(over), driver: ME });
const after = (...events: DutyEvent[]): Duty => events.reduce(onDuty, OFF);
const on: DutyEvent = { kind: "switched_on" };

describe("a driver's duty", () => {
  it("goes through a whole ride and is open again", () => {
    const steps: [DutyEvent, DriverState][] = [
      [on, DriverState.OPEN],
      [told({ number: 2 }), DriverState.OFFERED],
      [told({ number: 3, state: "en_route", event: "offer_accepted" }), DriverState.EN_ROUTE],
      [told({ number: 4, state: "waiting", event: "driver_arrived" }), DriverState.WAITING],
      [told({ number: 5, state: "on_trip", event: "rider_boarded" }), DriverState.ON_TRIP],
      [told({ number: 6, state: "completed", event: "rider_dropped" }), DriverState.OPEN],
    ];
    let duty = OFF;
    for (const [event, state] of steps) {
      duty = onDuty(duty, event);
      expect(driverStateOf(duty)).toBe(state);
    }
    expect(duty).toMatchObject({ kind: "open", completed: { ride: "r1" } });
  });

  it("ends an offer when its time is over, though nobody says so", () => {
    const offered = after(on, told({ number: 2 }));
    expect(onDuty(offered, { kind: "passed", serverMs: 15_500 })).toBe(offered);
    expect(onDuty(offered, { kind: "passed", serverMs: 17_000 })).toMatchObject({ kind: "open", note: "The offer lapsed" });
  });

  it("ends a ride that was taken by another driver or cancelled", () => {
    const offered = after(on, told({ number: 2 }));
    expect(onDuty(offered, told({ number: 5, state: "en_route", driver: 7 })).kind).toBe("open");
    expect(onDuty(offered, told({ number: 3, state: "cancelled", event: "ride_cancelled" }))).toMatchObject({
      kind: "open",
      note: "The rider cancelled",
    });
  });

  it("does not go back on facts that come late or twice", () => {
    const driving = after(on, told({ number: 2 }), told({ number: 3, state: "en_route" }));
    expect(onDuty(driving, told({ number: 2 }))).toBe(driving);
    expect(onDuty(driving, told({ number: 3, state: "en_route" }))).toBe(driving);
  });

  it("ignores another ride's news and other drivers' offers", () => {
    const driving = after(on, told({ number: 2 }), told({ number: 3, state: "en_route" }));
    expect(onDuty(driving, told({ ride: "r2", number: 9, state: "cancelled", event: "ride_cancelled" }))).toBe(driving);
    const open = after(on);
    expect(onDuty(open, told({ driver: 7 }))).toBe(open);
  });

  it("takes up its ride again after a reload, and cannot be switched off in it", () => {
    const driving = after(on, told({ number: 4, state: "waiting" }));
    expect(driving).toMatchObject({ kind: "assigned", stage: "waiting" });
    expect(onDuty(driving, { kind: "switched_off" })).toBe(driving);
  });

  it("shows a tap as asked until the log has spoken", () => {
    const asked = after(on, told({ number: 2 }), { kind: "acted", action: "accept" });
    expect(asked).toMatchObject({ kind: "offered", asked: "accept" });
    expect(onDuty(asked, told({ number: 3, state: "en_route" }))).toMatchObject({ kind: "assigned", asked: null });
  });
});

/** Step two: the route, how soon the car comes, how long the trip takes, and how sure that is. */

import type { VNode } from "preact";
import { useEffect } from "preact/hooks";

import type { RiderFlow } from "../state/ride";
import { distance, hourMinute, minutesOf } from "../ui/format";
import { BackIcon } from "../ui/icons";
import { Skeleton } from "../ui/parts";
import { useNow } from "../ui/store";
import type { RiderSession } from "./session";

type Confirm = Extract<RiderFlow, { step: "confirm" }>;

interface Props {
  session: RiderSession;
  flow: Confirm;
  onBack: () => void;
}

export function ConfirmSheet({ session, flow, onBack }: Props): VNode {
  useEffect(() => {
    void session.price(flow.pickup, flow.destination);
  }, [session, flow.pickup, flow.destination]);
  const noCar = flow.wait.kind === "loaded" && flow.wait.value === null;
  return (
    <section class="sheet panel" aria-label="Confirm the ride">
      <div class="row">
        <button type="button" class="icon-button sunken" onClick={onBack} aria-label="Back">
          <BackIcon />
        </button>
        <Ends flow={flow} />
      </div>
      <Waits flow={flow} />
      {flow.note !== null && (
        <p class="inline-alarm" role="alert">
          {flow.note}
        </p>
      )}
      <button type="button" class="button wide" disabled={flow.asking} onClick={() => void session.ask()}>
        {flow.asking ? "Asking…" : noCar ? "Ask anyway" : "Request this ride"}
      </button>
    </section>
  );
}

function Ends({ flow }: { flow: Confirm }): VNode {
  const steps = flow.route.kind === "loaded" ? flow.route.value.steps : [];
  const firstStreet = steps.find((step) => step.name !== "")?.name;
  const lastStreet = steps.findLast((step) => step.name !== "")?.name;
  return (
    <dl class="ends grow">
      <div class="row">
        <dt class="spot-key pickup">
          <span class="sr-only">From</span>
        </dt>
        <dd class="cut">{flow.pickup.name ?? firstStreet ?? "The pin"}</dd>
      </div>
      <div class="row">
        <dt class="spot-key destination">
          <span class="sr-only">To</span>
        </dt>
        <dd class="cut strong">{flow.destination.name ?? lastStreet ?? "The flag"}</dd>
      </div>
    </dl>
  );
}

function Waits({ flow }: { flow: Confirm }): VNode {
  return (
    <dl class="waits">
      <div>
        <dt class="small soft">Pickup in</dt>
        <Pickup flow={flow} />
      </div>
      <div>
        <dt class="small soft">Trip</dt>
        <Trip flow={flow} />
      </div>
    </dl>
  );
}

function Pickup({ flow }: { flow: Confirm }): VNode {
  switch (flow.wait.kind) {
    case "loading":
      return <Loading />;
    case "failed":
      return <NotKnown why={flow.wait.message} />;
    case "loaded": {
      const eta = flow.wait.value;
      if (eta === null) return <NotKnown why="No car is free nearby just now" />;
      return (
        <dd>
          <Minutes seconds={eta.seconds} />
          <p class="small soft number">90 % within {minutesOf(eta.p90_s)} min</p>
        </dd>
      );
    }
  }
}

function Trip({ flow }: { flow: Confirm }): VNode {
  const now = useNow(10_000);
  switch (flow.route.kind) {
    case "loading":
      return <Loading />;
    case "failed":
      return <NotKnown why={flow.route.message} />;
    case "loaded": {
      const route = flow.route.value;
      const pickup = flow.wait.kind === "loaded" && flow.wait.value !== null ? flow.wait.value.seconds : null;
      return (
        <dd>
          <Minutes seconds={route.seconds} />
          <p class="small soft number" title={`9 times of 10 within ${minutesOf(route.p90_s)} min`}>
            {distance(route.metres)}
            {pickup === null ? `, at most ${minutesOf(route.p90_s)} min` : `, there by ${hourMinute(now + (pickup + route.p90_s) * 1000)}`}
          </p>
        </dd>
      );
    }
  }
}

const Minutes = ({ seconds }: { seconds: number }): VNode => (
  <p class="figure">
    {minutesOf(seconds)}
    <span class="unit">min</span>
  </p>
);

const Loading = (): VNode => (
  <dd class="waiting-figure">
    <Skeleton width="76px" height={32} />
    <Skeleton width="110px" height={12} />
  </dd>
);

const NotKnown = ({ why }: { why: string }): VNode => (
  <dd>
    <p class="figure quiet-number">–</p>
    <p class="small soft">{why}</p>
  </dd>
);

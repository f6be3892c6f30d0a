/** Off, open, or on a ride: the big switch, or the one button for the next step. */

import type { VNode } from "preact";
import { useState } from "preact/hooks";

import { metresBetween } from "../state/mercator";
import { pseudonymOf } from "../state/pseudonym";
import type { Action, Duty, Stage } from "../state/duty";
import { distance } from "../ui/format";
import { useNow } from "../ui/store";
import type { DriverSession } from "./session";
import { SimulatedWhereabouts, type Source } from "./whereabouts";

interface Props {
  session: DriverSession;
  duty: Exclude<Duty, { kind: "offered" }>;
}

export function DutySheet({ session, duty }: Props): VNode {
  if (duty.kind === "assigned") return <NextStep session={session} duty={duty} />;
  const isOn = duty.kind === "open";
  const { plate } = pseudonymOf(session.driver);
  return (
    <section class="sheet panel" aria-label="Duty">
      <div class="row spread">
        <div aria-live="polite">
          <h2>{isOn ? "You are online" : "You are offline"}</h2>
          <p class="soft">{statusOf(duty)}</p>
        </div>
        <button
          type="button"
          role="switch"
          aria-checked={isOn}
          aria-label="Online"
          class="switch"
          onClick={() => {
            if (isOn) session.goOffline();
            else void session.goOnline();
          }}
        >
          <span />
        </button>
      </div>
      <SourceChoice session={session} />
      <p class="small soft number spread row">
        <span>Driver {session.driver.toLocaleString("en")}</span>
        <span class="plate">{plate}</span>
      </p>
    </section>
  );
}

function statusOf(duty: Extract<Duty, { kind: "off" | "open" }>): string {
  if (duty.kind === "off") return "Switch on to take rides.";
  if (duty.completed !== null) return "Ride completed. Waiting for the next one.";
  return duty.note === null ? "Waiting for a request." : `${duty.note}. Waiting for the next one.`;
}

/** Real receiver or a simulated drive; the simulated one has a speed. */
function SourceChoice({ session }: { session: DriverSession }): VNode {
  const [source, setSource] = useState<Source>(session.source);
  const choose = (next: Source): void => {
    session.use(next);
    setSource(next);
  };
  return (
    <fieldset class="source">
      <legend class="sr-only">Where your position comes from</legend>
      <div class="segments" role="radiogroup">
        {(["simulated", "phone"] as const).map((each) => (
          <label key={each} class={source === each ? "chosen" : ""}>
            <input
              type="radio"
              name="source"
              checked={source === each}
              onChange={() => {
                choose(each);
              }}
            />
            {each === "simulated" ? "Simulated drive" : "This phone"}
          </label>
        ))}
      </div>
      {source === "simulated" && <Speed session={session} />}
    </fieldset>
  );
}

export function Speed({ session }: { session: DriverSession }): VNode | null {
  const { whereabouts } = session;
  const [factor, setFactor] = useState(whereabouts instanceof SimulatedWhereabouts ? whereabouts.speedFactor : 1);
  if (!(whereabouts instanceof SimulatedWhereabouts)) return null;
  return (
    <label class="speed row small">
      <span class="soft">Speed</span>
      <input
        class="grow"
        type="range"
        min="0.25"
        max="2"
        step="0.25"
        value={factor}
        onInput={(event) => {
          const value = Number(event.currentTarget.value);
          whereabouts.speedFactor = value;
          setFactor(value);
        }}
      />
      <output class="number strong">×{factor}</output>
    </label>
  );
}

const STEPS: Record<Stage, { title: string; action: Action; button: string; asked: string }> = {
  en_route: { title: "Drive to the pickup", action: "arrive", button: "Arrived", asked: "Telling the rider…" },
  waiting: { title: "Waiting for the rider", action: "board", button: "Boarded", asked: "Starting the trip…" },
  on_trip: { title: "Drive to the destination", action: "drop", button: "Dropped", asked: "Ending the trip…" },
};

function NextStep({ session, duty }: { session: DriverSession; duty: Extract<Duty, { kind: "assigned" }> }): VNode {
  const now = useNow(1_000);
  const step = STEPS[duty.stage];
  const goal = duty.stage === "on_trip" ? duty.fact.destination : duty.fact.pickup;
  const fix = session.whereabouts.fix(now);
  const away = fix === null ? null : metresBetween(fix, goal);
  return (
    <section class={`sheet panel assigned ${duty.stage}`} aria-label="The ride" aria-live="polite">
      <div class="row spread">
        <div class="grow">
          <h2>{step.title}</h2>
          <p class="soft cut">{goal.name ?? "The marked place"}</p>
        </div>
        {away !== null && duty.stage !== "waiting" && <p class="number strong">{distance(away)}</p>}
      </div>
      <button
        type="button"
        class="button wide step"
        disabled={duty.asked !== null}
        onClick={() => {
          session.act(step.action);
        }}
      >
        {duty.asked === null ? step.button : step.asked}
      </button>
      <Speed session={session} />
    </section>
  );
}

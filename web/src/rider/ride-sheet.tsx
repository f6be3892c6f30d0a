/** Steps three to five while the ride lives: searching, on the way, arrived, on the trip. */

import type { VNode } from "preact";
import { useState } from "preact/hooks";

import type { RideFact } from "../contracts/generated";
import { toServerMs } from "../realtime/serverclock";
import { pseudonymOf } from "../state/pseudonym";
import { latestFact, rideStateOf, type RideView, type Wait } from "../state/ride";
import { ago, clockTime, hourMinute, minutesOf, span } from "../ui/format";
import { ShareIcon } from "../ui/icons";
import { useNow } from "../ui/store";
import type { RiderSession } from "./session";

interface Props {
  session: RiderSession;
  view: RideView;
}

export function RideSheet({ session, view }: Props): VNode {
  const state = rideStateOf(view);
  const fact = latestFact(view);
  if (state === "requested" || state === "offered" || fact === null) return <Searching session={session} view={view} />;
  const isOnTrip = state === "on_trip";
  const wait = isOnTrip ? view.tripWait : view.pickupWait;
  return (
    <section class={`sheet panel ride ${state}`} aria-label="Your ride" aria-live="polite">
      <div class="row spread top">
        <div>
          <h2>{titleOf(state)}</h2>
          <Seen session={session} />
        </div>
        {state === "waiting" ? <span class="state-word waiting">Here now</span> : <Countdown session={session} wait={wait} />}
      </div>
      <Driver fact={fact} />
      <div class="row actions">
        <Share fact={fact} wait={wait} />
        {!isOnTrip && <Cancel session={session} view={view} />}
      </div>
    </section>
  );
}

function titleOf(state: string): string {
  if (state === "waiting") return "Your driver is waiting";
  return state === "on_trip" ? "On the way to your destination" : "Your driver is on the way";
}

/** How old what the map shows is. It grows visibly when nothing new comes. */
function Seen({ session }: { session: RiderSession }): VNode {
  const now = useNow(500);
  if (session.matched.count === 0) return <p class="small soft">Waiting for the first position</p>;
  const fixAtMs = session.matched.fixAtMs[0] ?? now;
  const isOld = now - fixAtMs > 5_000;
  return (
    <p class={`small number ${isOld ? "old" : "soft"}`} title={clockTime(fixAtMs)}>
      {isOld ? "Last seen" : "Seen"} {ago(now - fixAtMs)}
    </p>
  );
}

function Countdown({ session, wait }: { session: RiderSession; wait: Wait | null }): VNode {
  const now = useNow(1_000);
  if (wait === null) return <p class="figure quiet-number">–</p>;
  const leftS = wait.seconds - (toServerMs(session.clock, now) - wait.atMs) / 1000;
  const lateMs = now + (leftS + wait.p90S - wait.seconds) * 1000;
  return (
    <div class="countdown">
      <p class="figure">
        {leftS < 30 ? "<1" : minutesOf(leftS)}
        <span class="unit">min</span>
      </p>
      <p class="small soft number" title="9 times of 10 it is earlier than this">
        by {hourMinute(Math.max(lateMs, now))}
      </p>
    </div>
  );
}

function Driver({ fact }: { fact: RideFact }): VNode {
  const { name, plate } = pseudonymOf(fact.driver ?? 0);
  return (
    <div class="driver row">
      <span class="face" aria-hidden="true">
        {name.slice(0, 1)}
      </span>
      <div class="grow">
        <p class="strong">{name}</p>
        <p class="small soft">A name for this ride only</p>
      </div>
      <span class="plate number" aria-label={`Plate ${plate}`}>
        {plate}
      </span>
    </div>
  );
}

function Share({ fact, wait }: { fact: RideFact; wait: Wait | null }): VNode {
  const [isCopied, setCopied] = useState(false);
  const share = async (): Promise<void> => {
    const { name, plate } = pseudonymOf(fact.driver ?? 0);
    const eta = wait === null ? "" : `, expected ${hourMinute(wait.atMs + wait.seconds * 1000)}`;
    const text = `I am riding with ${name}, plate ${plate}, to ${fact.destination.name ?? "my destination"}${eta}.`;
    if ("share" in navigator) await navigator.share({ text }).catch(() => undefined);
    else {
      await window.navigator.clipboard.writeText(text);
      setCopied(true);
    }
  };
  return (
    <button type="button" class="button plain grow" onClick={() => void share()}>
      <ShareIcon />
      {isCopied ? "Copied" : "Share"}
    </button>
  );
}

function Cancel({ session, view }: Props): VNode {
  return (
    <button type="button" class="button plain grow" disabled={view.cancelling} onClick={() => void session.cancel()}>
      {view.cancelling ? "Cancelling…" : "Cancel"}
    </button>
  );
}

function Searching({ session, view }: Props): VNode {
  const now = useNow(1_000);
  const fact = latestFact(view);
  const asked = view.facts.filter((each) => each.event === "offer_sent").length;
  const wasLost = view.facts.some((each) => each.event === "driver_lost");
  const sinceMs = fact === null ? null : toServerMs(session.clock, now) - fact.requested_ms;
  return (
    <section class="sheet panel searching" aria-label="Searching" aria-live="polite">
      <div class="row spread top">
        <div>
          <h2>{wasLost ? "Finding you another driver" : "Finding your driver"}</h2>
          <p class="small soft number">{searchNote(fact, asked)}</p>
        </div>
        <p class="number soft">{sinceMs === null ? "" : span(sinceMs / 1000)}</p>
      </div>
      <div class="progress" aria-hidden="true">
        <span />
      </div>
      <Cancel session={session} view={view} />
    </section>
  );
}

function searchNote(fact: RideFact | null, asked: number): string {
  if (fact === null) return "Your request is on its way";
  if (fact.state === "offered") return asked <= 1 ? "A driver is looking at your request" : `Driver ${asked} is looking at your request`;
  return asked === 0 ? "Looking at the cars nearest by road" : `${asked} asked so far, looking for the next`;
}

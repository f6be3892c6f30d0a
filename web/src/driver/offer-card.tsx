/** A ride is offered: how far, which way, how long there is to decide. */

import type { VNode } from "preact";

import type { Place } from "../contracts/generated";
import { toServerMs } from "../realtime/serverclock";
import type { Duty } from "../state/duty";
import { bearingBetween, metresBetween } from "../state/mercator";
import { distance, minutesOf, span, wind } from "../ui/format";
import { useNow } from "../ui/store";
import type { DriverSession } from "./session";

const OFFER_MS = 15_000;
const ROUND = 2 * Math.PI * 26;

interface Props {
  session: DriverSession;
  duty: Extract<Duty, { kind: "offered" }>;
}

export function OfferCard({ session, duty }: Props): VNode {
  const { fact } = duty;
  const here = session.whereabouts.fix(Date.now());
  return (
    <section class="sheet panel offer" role="alertdialog" aria-label="A ride is offered">
      <div class="row spread">
        <div class="grow">
          <p class="small state-word">Ride offered</p>
          <h2 class="cut">{fact.pickup.name ?? "Pickup"}</h2>
          {here !== null && <p class="soft">{whereTo(here, fact.pickup)}</p>}
        </div>
        <Ring session={session} deadlineMs={fact.deadline_ms ?? null} />
      </div>
      <dl class="waits">
        <div>
          <dt class="small soft">To the pickup</dt>
          <dd class="figure">
            {fact.pickup_eta_s === null || fact.pickup_eta_s === undefined ? "–" : minutesOf(fact.pickup_eta_s)}
            <span class="unit">min</span>
          </dd>
        </div>
        <div>
          <dt class="small soft">Trip</dt>
          <dd class="figure">
            {fact.trip_eta_s === null || fact.trip_eta_s === undefined ? "–" : minutesOf(fact.trip_eta_s)}
            <span class="unit">min, {distance(metresBetween(fact.pickup, fact.destination))}</span>
          </dd>
        </div>
      </dl>
      <button
        type="button"
        class="button wide step"
        disabled={duty.asked !== null}
        onClick={() => {
          session.act("accept");
        }}
      >
        {duty.asked === "accept" ? "Accepting…" : "Accept"}
      </button>
      <button
        type="button"
        class="button bare"
        disabled={duty.asked !== null}
        onClick={() => {
          session.act("decline");
        }}
      >
        {duty.asked === "decline" ? "Declining…" : "Decline"}
      </button>
    </section>
  );
}

const whereTo = (from: Place, to: Place): string =>
  `${distance(metresBetween(from, to))} ${wind(bearingBetween(from, to))} of you`;

function Ring({ session, deadlineMs }: { session: DriverSession; deadlineMs: number | null }): VNode | null {
  const now = useNow(200);
  if (deadlineMs === null) return null;
  const leftMs = Math.max(0, deadlineMs - toServerMs(session.clock, now));
  const share = Math.min(1, leftMs / OFFER_MS);
  return (
    <div class="ring" role="timer" aria-label={`${span(leftMs / 1000)} to decide`}>
      <svg width="64" height="64" viewBox="0 0 64 64" aria-hidden="true">
        <circle cx="32" cy="32" r="26" class="track" />
        <circle cx="32" cy="32" r="26" class="left" stroke-dasharray={ROUND} stroke-dashoffset={ROUND * (1 - share)} />
      </svg>
      <span class="number strong">{Math.ceil(leftMs / 1000)}</span>
    </div>
  );
}

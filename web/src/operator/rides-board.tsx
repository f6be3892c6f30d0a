/** Rides: how many stand where, and the ones with the newest news. */

import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { messageOf } from "../browser/http";
import type { RideFact, RidesLine } from "../contracts/generated";
import type { Loading } from "../state/ride";
import { clockTime, count, UNKNOWN } from "../ui/format";
import type { OperatorSession } from "./session";
import { EVENT_WORDS, TOKENS, words } from "./story";

const RENEW_MS = 2_000;
const STATES = ["requested", "offered", "en_route", "waiting", "on_trip"] as const;

export function RidesBoard({ session, rides }: { session: OperatorSession; rides: RidesLine }): VNode {
  // A list that moves under the pointer cannot be clicked.
  const isHeld = useRef(false);
  const newest = useNewest(session, isHeld);
  const hold = (isOver: boolean) => (): void => {
    isHeld.current = isOver;
  };
  return (
    <div class="two rides-board">
      <div onPointerEnter={hold(true)} onPointerLeave={hold(false)} onFocusIn={hold(true)} onFocusOut={hold(false)}>
        <NewestRides session={session} newest={newest} />
      </div>
      <section>
        <h3>Now</h3>
        <dl class="reasons number">
          {STATES.map((state) => (
            <div key={state}>
              <dt>
                <span class="state-dot" style={{ background: `var(--${TOKENS[state]})` }} /> {words(state)}
              </dt>
              <dd>{count(rides.by_state[state] ?? 0)}</dd>
            </div>
          ))}
        </dl>
      </section>
      <section>
        <h3>Since the start</h3>
        <dl class="reasons number">
          {(["requested", "matched", "completed", "cancelled", "unmatched"] as const).map((name) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{count(rides[name])}</dd>
            </div>
          ))}
          <div>
            <dt>match time, p90</dt>
            <dd>{rides.match_p90_s === null ? UNKNOWN : `${rides.match_p90_s.toFixed(1)} s`}</dd>
          </div>
        </dl>
      </section>
    </div>
  );
}

function useNewest(session: OperatorSession, isHeld: { current: boolean }): Loading<readonly RideFact[]> {
  const [newest, setNewest] = useState<Loading<readonly RideFact[]>>({ kind: "loading" });
  useEffect(() => {
    let isWanted = true;
    const renew = (): void => {
      if (isHeld.current) return;
      session.rides(null).then(
        (value) => {
          if (isWanted) setNewest({ kind: "loaded", value });
        },
        (error: unknown) => {
          if (isWanted) setNewest({ kind: "failed", message: messageOf(error) });
        },
      );
    };
    renew();
    const timer = window.setInterval(renew, RENEW_MS);
    return () => {
      isWanted = false;
      window.clearInterval(timer);
    };
  }, [session, isHeld]);
  return newest;
}

function NewestRides({ session, newest }: { session: OperatorSession; newest: Loading<readonly RideFact[]> }): VNode {
  if (newest.kind === "loading") return <p class="soft">Reading the newest rides.</p>;
  if (newest.kind === "failed") return <p class="soft">{newest.message}</p>;
  if (newest.value.length === 0) return <p class="soft">Nobody has asked for a ride yet.</p>;
  return (
    <ul class="links number">
      {newest.value.map((fact) => (
        <li key={fact.ride}>
          <button
            type="button"
            onClick={() => {
              session.selectRide(fact.ride);
            }}
          >
            <span class="state-dot" style={{ background: `var(--${TOKENS[fact.state]})` }} />
            <span class="cut grow">{fact.ride}</span>
            <span class="soft">{EVENT_WORDS[fact.event]}</span>
            <span class="soft">{clockTime(fact.at_ms)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

/** The end: times promised against times kept, or why there was no ride. */

import type { VNode } from "preact";

import { latestFact, receiptOf, rideStateOf, type Kept, type RideView } from "../state/ride";
import { hourMinute, span } from "../ui/format";

interface Props {
  view: RideView;
  onDone: () => void;
}

export function ReceiptSheet({ view, onDone }: Props): VNode {
  const state = rideStateOf(view);
  return (
    <section class="sheet panel" aria-label="The end of the ride" aria-live="polite">
      {state === "completed" ? <Receipt view={view} /> : <NoRide view={view} />}
      <button type="button" class="button wide" onClick={onDone}>
        {state === "completed" ? "Done" : "Start again"}
      </button>
    </section>
  );
}

function NoRide({ view }: { view: RideView }): VNode {
  const fact = latestFact(view);
  const isCancelled = rideStateOf(view) === "cancelled";
  return (
    <div>
      <h2>{isCancelled ? "Ride cancelled" : "No driver took this ride"}</h2>
      <p class="soft">
        {isCancelled ? "Nothing is owed." : "Every free driver nearby was asked or busy. Try again in a few minutes."}
        {fact?.reason ? ` (${fact.reason})` : ""}
      </p>
    </div>
  );
}

function Receipt({ view }: { view: RideView }): VNode {
  const fact = latestFact(view);
  const { search, pickup, trip } = receiptOf(view.facts);
  return (
    <>
      <div>
        <h2>You have arrived</h2>
        <p class="soft number">
          {view.destination.name ?? "Your destination"}
          {fact === null ? "" : `, ${hourMinute(fact.at_ms)}`}
        </p>
      </div>
      <table class="receipt number">
        <thead>
          <tr class="small soft">
            <th scope="col">
              <span class="sr-only">What</span>
            </th>
            <th scope="col">Promised</th>
            <th scope="col">Kept</th>
          </tr>
        </thead>
        <tbody>
          <Line what="Finding a driver" kept={search} />
          <Line what="Pickup" kept={pickup} />
          <Line what="Trip" kept={trip} />
        </tbody>
      </table>
    </>
  );
}

function Line({ what, kept }: { what: string; kept: Kept }): VNode {
  const late = kept.promisedS !== null && kept.tookS !== null ? kept.tookS - kept.promisedS : null;
  return (
    <tr>
      <th scope="row">{what}</th>
      <td class="soft">{span(kept.promisedS)}</td>
      <td class="strong">
        {span(kept.tookS)}
        {late !== null && Math.abs(late) >= 1 && (
          <span class="difference">{late > 0 ? `${span(late)} late` : `${span(-late)} early`}</span>
        )}
      </td>
    </tr>
  );
}

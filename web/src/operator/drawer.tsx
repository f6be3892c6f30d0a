/** What is selected: a driver with its last fixes, or a ride with its life and its reasons. */

import type { VNode } from "preact";

import { CloseIcon } from "../ui/icons";
import { Problem, Skeleton } from "../ui/parts";
import { useStore } from "../ui/store";
import { DriverFacts } from "./driver-facts";
import { RideLife } from "./ride-life";
import type { OperatorSession, Selection } from "./session";

export function Drawer({ session }: { session: OperatorSession }): VNode | null {
  const selection = useStore(session.selection);
  if (selection === null) return null;
  return (
    <aside class="drawer panel" aria-label={selection.kind === "driver" ? "Driver" : "Ride"}>
      <header class="row spread">
        <div class="grow">
          <p class="small soft">{selection.kind === "driver" ? "Driver" : "Ride"}</p>
          <h2 class="number cut" title={String(selection.id)}>
            {titleOf(selection)}
          </h2>
        </div>
        <button
          type="button"
          class="icon-button"
          aria-label="Close"
          onClick={() => {
            session.selection.tell(null);
          }}
        >
          <CloseIcon />
        </button>
      </header>
      <Body session={session} selection={selection} />
    </aside>
  );
}

function titleOf(selection: Selection): string {
  if (selection.kind === "ride") return selection.id;
  return String(selection.reply.kind === "loaded" ? selection.reply.value.driver : selection.id);
}

function Body({ session, selection }: { session: OperatorSession; selection: Selection }): VNode {
  switch (selection.reply.kind) {
    case "loading":
      return (
        <div class="drawer-waiting" aria-busy="true">
          <Skeleton width="45%" height={28} />
          <Skeleton width="100%" height={64} />
          <Skeleton width="80%" />
          <Skeleton width="66%" />
        </div>
      );
    case "failed":
      return <Problem title="Nothing is known of it here" message={selection.reply.message} retry={again(session, selection)} />;
    case "loaded":
      return <Known session={session} selection={selection} />;
  }
}

const again = (session: OperatorSession, selection: Selection) => (): void => {
  if (selection.kind === "driver") session.selectDriver(selection.id);
  else session.selectRide(selection.id);
};

function Known({ session, selection }: { session: OperatorSession; selection: Selection }): VNode | null {
  if (selection.kind === "driver") {
    return selection.reply.kind === "loaded" ? <DriverFacts session={session} driver={selection.reply.value} /> : null;
  }
  return selection.reply.kind === "loaded" ? <RideLife session={session} story={selection.reply.value} /> : null;
}

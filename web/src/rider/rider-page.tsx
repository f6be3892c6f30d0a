/** The rider's page: the map, and over it one sheet for each step of the way. */

import type { VNode } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";

import type { ConfigReply } from "../contracts/generated";
import { isOver, rideStateOf, type RiderFlow } from "../state/ride";
import { Banner, ConnectionBanner, ThemeSwitch } from "../ui/parts";
import { useStore } from "../ui/store";
import { span } from "../ui/format";
import { ConfirmSheet } from "./confirm-sheet";
import { ReceiptSheet } from "./receipt-sheet";
import { RideSheet } from "./ride-sheet";
import type { Choosing } from "./layout";
import { RiderMap } from "./rider-map";
import { RiderSession } from "./session";
import { WhereSheet } from "./where-sheet";

const POSITIONS_OLD_MS = 3_000;

export function RiderPage({ config }: { config: ConfigReply }): VNode {
  const session = useMemo(() => new RiderSession(config), [config]);
  useEffect(
    () => () => {
      session.stop();
    },
    [session],
  );
  const flow = useStore(session.flow);
  const [choosing, setChoosing] = useState<Choosing>("pickup");
  return (
    <main class="rider">
      <h1 class="sr-only">Ride with Hailstream in {config.city}</h1>
      <RiderMap session={session} config={config} flow={flow} choosing={choosing} />
      <Notices session={session} />
      <div class="corner">
        <a class="brand panel" href="./" aria-label="Hailstream, start page">
          <img src="./mark.svg" alt="" width="24" height="24" />
        </a>
        <ThemeSwitch />
      </div>
      <div class="column">
        <Sheet session={session} flow={flow} choosing={choosing} onChoose={setChoosing} />
      </div>
    </main>
  );
}

interface SheetProps {
  session: RiderSession;
  flow: RiderFlow;
  choosing: Choosing;
  onChoose: (choosing: Choosing) => void;
}

function Sheet({ session, flow, choosing, onChoose }: SheetProps): VNode {
  switch (flow.step) {
    case "where":
      return <WhereSheet session={session} flow={flow} choosing={choosing} onChoose={onChoose} />;
    case "confirm":
      return (
        <ConfirmSheet
          session={session}
          flow={flow}
          onBack={() => {
            onChoose("pickup");
            session.flow.tell({ kind: "went_back" });
          }}
        />
      );
    case "ride": {
      const done = (): void => {
        onChoose("pickup");
        session.flow.tell({ kind: "done" });
      };
      return isOver(rideStateOf(flow.view)) ? (
        <ReceiptSheet view={flow.view} onDone={done} />
      ) : (
        <RideSheet session={session} view={flow.view} />
      );
    }
  }
}

/** The one thing that most needs saying, if anything does. */
function Notices({ session }: { session: RiderSession }): VNode | null {
  const connection = useStore(session.connection);
  const problem = useStore(session.problem);
  const age = useStore(session.positionsAgeMs);
  if (connection.kind !== "live" && connection.kind !== "idle") {
    return <ConnectionBanner connection={connection} holds="Your ride goes on; cars are shown where they were." />;
  }
  if (problem !== null) return <Banner tone="alarm">{problem}</Banner>;
  if (age !== null && age > POSITIONS_OLD_MS) {
    return <Banner tone="notice">No new positions for {span(age / 1000)}. Cars are shown where they were.</Banner>;
  }
  return null;
}

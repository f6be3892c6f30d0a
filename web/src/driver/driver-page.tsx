/** The driver's page: the map, a strip that tells how the pings fare, one sheet for the duty. */

import type { VNode } from "preact";
import { useEffect, useMemo } from "preact/hooks";

import type { ConfigReply } from "../contracts/generated";
import { Banner, ConnectionBanner, ThemeSwitch } from "../ui/parts";
import { useStore } from "../ui/store";
import { DriverMap } from "./driver-map";
import { DutySheet } from "./duty-sheet";
import { OfferCard } from "./offer-card";
import { DriverSession } from "./session";
import { Strip } from "./strip";
import { Way } from "./way";

export function DriverPage({ config }: { config: ConfigReply }): VNode {
  const session = useMemo(() => new DriverSession(config), [config]);
  useEffect(
    () => () => {
      session.stop();
    },
    [session],
  );
  const duty = useStore(session.duty);
  return (
    <main class={`driver-page ${duty.kind}`}>
      <h1 class="sr-only">Drive with Hailstream in {config.city}</h1>
      <DriverMap session={session} config={config} />
      <header class="head">
        <Strip session={session} />
        <ThemeSwitch />
      </header>
      <Notices session={session} />
      {duty.kind === "assigned" && <Way session={session} duty={duty} />}
      <div class="column">
        {duty.kind === "offered" ? <OfferCard session={session} duty={duty} /> : <DutySheet session={session} duty={duty} />}
      </div>
    </main>
  );
}

function Notices({ session }: { session: DriverSession }): VNode | null {
  const connection = useStore(session.connection);
  const problem = useStore(session.problem);
  if (connection.kind !== "live" && connection.kind !== "idle") {
    return <ConnectionBanner connection={connection} holds="Your places are kept and sent later." />;
  }
  return problem === null ? null : <Banner tone="alarm">{problem}</Banner>;
}

/** The operator's page: the whole city, five numbers, and behind each thing its reasons. */

import type { VNode } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";

import type { ConfigReply } from "../contracts/generated";
import { lostAtMs } from "../realtime/connection";
import { Banner, ConnectionBanner } from "../ui/parts";
import { useStore } from "../ui/store";
import { Dock } from "./dock";
import { Drawer } from "./drawer";
import { OperatorMap } from "./operator-map";
import { ALL_LOOKS, Rail } from "./rail";
import { OperatorSession } from "./session";
import { TopStrip } from "./top-strip";

export function OperatorPage({ config }: { config: ConfigReply }): VNode {
  const session = useMemo(() => new OperatorSession(config), [config]);
  useEffect(
    () => () => {
      session.stop();
    },
    [session],
  );
  const [looks, setLooks] = useState<ReadonlySet<number>>(ALL_LOOKS);
  const [isPulseOn, setPulseOn] = useState(true);
  const connection = useStore(session.connection);
  const problem = useStore(session.problem);
  const isLive = connection.kind === "live";
  return (
    <main class={`operator ${isLive || lostAtMs(connection) === null ? "" : "not-live"}`}>
      <h1 class="sr-only">Hailstream in {config.city}, live</h1>
      <OperatorMap session={session} config={config} looks={looks} isPulseOn={isPulseOn} />
      <TopStrip session={session} config={config} isLive={isLive} />
      <Rail session={session} looks={looks} onLooks={setLooks} isPulseOn={isPulseOn} onPulse={setPulseOn} />
      <Drawer session={session} />
      <Dock session={session} />
      {problem === null ? (
        <ConnectionBanner connection={connection} holds="The grey numbers and the map are from then." />
      ) : (
        <Banner tone="alarm">{problem}</Banner>
      )}
    </main>
  );
}

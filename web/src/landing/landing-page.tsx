/** Three doors with the city alive in them, two numbers, one sentence. */

import type { VNode } from "preact";
import { useEffect, useMemo } from "preact/hooks";

import type { ConfigReply } from "../contracts/generated";
import { count, milliseconds, UNKNOWN } from "../ui/format";
import { Banner, ConnectionBanner, ThemeSwitch } from "../ui/parts";
import { useStore } from "../ui/store";
import { DriverScene, OperatorScene, RiderScene } from "./scenes";
import { LandingSession } from "./session";

export function LandingPage({ config }: { config: ConfigReply }): VNode {
  const session = useMemo(() => new LandingSession(config), [config]);
  useEffect(
    () => () => {
      session.stop();
    },
    [session],
  );
  const connection = useStore(session.connection);
  const problem = useStore(session.problem);
  return (
    <div class="landing">
      <header class="row spread">
        <p class="name row">
          <img src="./mark.svg" alt="" width="30" height="30" />
          <span class="strong">Hailstream</span>
        </p>
        <nav class="row">
          <a class="docs" href="./v1/openapi.json">
            API description
          </a>
          <ThemeSwitch className="icon-button" />
        </nav>
      </header>
      <main>
        <div class="opening">
          <h1>Every driver in {config.city}, where they are now.</h1>
          <Now session={session} />
        </div>
        <div class="doors">
          <a class="door" href="./rider">
            <RiderScene session={session} config={config} />
            <span class="words">
              <span class="title">Rider</span>
              <span class="soft">Ask for a ride and watch it come.</span>
            </span>
          </a>
          <a class="door" href="./driver">
            <DriverScene session={session} config={config} />
            <span class="words">
              <span class="title">Driver</span>
              <span class="soft">Go online, take an offer, drive.</span>
            </span>
          </a>
          <a class="door" href="./operator">
            <OperatorScene session={session} config={config} />
            <span class="words">
              <span class="title">Operator</span>
              <span class="soft">See the city, and prove that nothing is lost.</span>
            </span>
          </a>
        </div>
      </main>
      <footer class="small soft row spread">
        <span>Map data {config.attribution}</span>
        <span class="number">{config.version}</span>
      </footer>
      {problem === null ? (
        <ConnectionBanner connection={connection} holds="The pictures show the city as it was." />
      ) : (
        <Banner tone="alarm">{problem}</Banner>
      )}
    </div>
  );
}

function Now({ session }: { session: LandingSession }): VNode {
  const latest = useStore(session.latest);
  const connection = useStore(session.connection);
  const age = latest?.ages["rider_matched"]?.p99 ?? latest?.ages["rider_area"]?.p99 ?? null;
  return (
    <dl class={`now number ${connection.kind === "live" ? "" : "not-live"}`}>
      <div>
        <dd class="figure">{latest === null ? UNKNOWN : count(latest.pings_per_second)}</dd>
        <dt>pings a second</dt>
      </div>
      <div>
        <dd class="figure">
          {milliseconds(age)}
          {age !== null && <span class="unit">ms</span>}
        </dd>
        <dt>from phone to rider, p99</dt>
      </div>
    </dl>
  );
}

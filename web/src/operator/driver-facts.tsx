/** One driver: state, how old and how believed its place is, its last fixes, its rides. */

import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";

import { PositionFlag, type DriverReply, type RideFact } from "../contracts/generated";
import { pseudonymOf } from "../state/pseudonym";
import { ago, clockTime, count } from "../ui/format";
import type { OperatorSession } from "./session";
import { words } from "./story";

const STATE_TOKENS: Record<string, string> = {
  offline: "dark",
  open: "open",
  offered: "offered",
  en_route: "en-route",
  waiting: "waiting",
  on_trip: "on-trip",
};

const FLAG_WORDS: [number, string][] = [
  [PositionFlag.SMOOTHED, "smoothed"],
  [PositionFlag.MOCKED, "mock provider"],
  [PositionFlag.SUSPECT, "suspect"],
  [PositionFlag.HELD, "last fix refused, place held"],
  [PositionFlag.DARK, "dark"],
];

interface Props {
  session: OperatorSession;
  driver: DriverReply;
}

export function DriverFacts({ session, driver }: Props): VNode {
  const isDark = (driver.flags & PositionFlag.DARK) !== 0 || driver.age_ms > 10_000;
  const { name, plate } = pseudonymOf(driver.driver);
  const flags = FLAG_WORDS.filter(([flag]) => (driver.flags & flag) !== 0).map(([, word]) => word);
  return (
    <div class="drawer-body">
      <p class="row">
        <span class="tag" style={{ color: `var(--${isDark ? "dark" : (STATE_TOKENS[driver.state] ?? "dark")})` }}>
          {isDark ? `dark, was ${words(driver.state)}` : words(driver.state)}
        </span>
        <span class="soft">
          {name}, <span class="number">{plate}</span>
        </span>
      </p>
      <dl class="facts number">
        <Fact name="Last fix" value={ago(driver.age_ms)} title={clockTime(driver.fix_ms)} />
        <Fact name="Speed" value={Math.round(driver.speed_m_s * 3.6)} unit="km/h" />
        <Fact name="Bearing" value={`${Math.round(driver.bearing)}°`} />
        <Fact name="Accuracy" value={Math.round(driver.accuracy_m)} unit="m" />
        <Fact name="Sequence" value={count(driver.sequence)} />
        <Fact name="Place" value={`${driver.lat.toFixed(5)}, ${driver.lon.toFixed(5)}`} />
      </dl>
      <Trust value={driver.trust} flags={flags} />
      <Trail driver={driver} />
      <Rides session={session} driver={driver.driver} />
    </div>
  );
}

function Fact({ name, value, unit, title }: { name: string; value: string | number; unit?: string; title?: string }): VNode {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd>
        {value}
        {unit !== undefined && <span class="unit">{unit}</span>}
      </dd>
    </div>
  );
}

/** The spoof score: 0 is believed, 255 certainly false. */
function Trust({ value, flags }: { value: number; flags: string[] }): VNode {
  const share = value / 255;
  return (
    <section>
      <div class="row spread">
        <h3>Spoof score</h3>
        <span class={`number ${share > 0.5 ? "bad" : ""}`}>
          {value}
          <span class="unit">of 255</span>
        </span>
      </div>
      <div class="meter" role="meter" aria-valuenow={value} aria-valuemin={0} aria-valuemax={255} aria-label="Spoof score">
        <span style={{ width: `${Math.max(1, share * 100)}%`, background: share > 0.5 ? "var(--alarm)" : "var(--ink-soft)" }} />
      </div>
      {flags.length > 0 && <p class="small soft">{flags.join(", ")}</p>}
    </section>
  );
}

/** When the last fixes came: an even row is a healthy phone, a gap is a gap. */
function Trail({ driver }: { driver: DriverReply }): VNode {
  const first = driver.trail[0]?.fix_ms;
  const last = driver.trail.at(-1)?.fix_ms;
  if (first === undefined || last === undefined || first === last) return <p class="small soft">No trail yet.</p>;
  return (
    <section>
      <div class="row spread">
        <h3>Last {driver.trail.length} fixes</h3>
        <span class="small number soft">over {Math.round((last - first) / 1000)} s</span>
      </div>
      <svg class="fixes" viewBox="0 0 300 18" preserveAspectRatio="none" aria-hidden="true">
        {driver.trail.map((point) => (
          <rect key={point.fix_ms} x={((point.fix_ms - first) / (last - first)) * 298} y="2" width="1.6" height="14" />
        ))}
      </svg>
    </section>
  );
}

function Rides({ session, driver }: { session: OperatorSession; driver: number }): VNode | null {
  const [rides, setRides] = useState<readonly RideFact[]>([]);
  useEffect(() => {
    let isWanted = true;
    setRides([]);
    session.rides(null).then(
      (found) => {
        if (isWanted) setRides(found.filter((fact) => fact.driver === driver));
      },
      // The drawer stands without it.
      () => undefined,
    );
    return () => {
      isWanted = false;
    };
  }, [session, driver]);
  if (rides.length === 0) return null;
  return (
    <section>
      <h3>Rides</h3>
      <ul class="links number">
        {rides.map((fact) => (
          <li key={fact.ride}>
            <button
              type="button"
              onClick={() => {
                session.selectRide(fact.ride);
              }}
            >
              <span class="cut">{fact.ride}</span>
              <span class="soft">{words(fact.state)}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Five numbers that say how the city fares, each with its last ten minutes. */

import type { ComponentChildren, VNode } from "preact";

import type { ConfigReply, Summary } from "../contracts/generated";
import { glassAge, ridesWaiting, violations, type Track } from "../state/summary";
import { clockTime, count, milliseconds, UNKNOWN } from "../ui/format";
import { ThemeSwitch } from "../ui/parts";
import { useNow, useStore } from "../ui/store";
import type { OperatorSession } from "./session";
import { Spark } from "./spark";

interface Props {
  session: OperatorSession;
  config: ConfigReply;
  isLive: boolean;
}

export function TopStrip({ session, config, isLive }: Props): VNode {
  const log = useStore(session.log);
  const { latest } = log;
  const figure = (track: Track, label: string, unit: string, title: string, value: ComponentChildren): VNode => (
    <section class="stat" title={title}>
      <h2 class="small">{label}</h2>
      <p class="value number">
        {latest === null ? <span class="skeleton" style={{ width: "74px", height: "22px" }} /> : value}
        {latest !== null && unit !== "" && <span class="unit">{unit}</span>}
      </p>
      <Spark values={log.history[track]} fromZero={track === "audit" || track === "waiting"} />
    </section>
  );
  return (
    <header class="top-strip panel">
      <a class="home" href="./" aria-label="Hailstream, start page">
        <img src="./mark.svg" alt="" width="30" height="30" />
        <span>
          <span class="strong">{config.city}</span>
          <Clock isLive={isLive} receivedAtMs={log.receivedAtMs} />
        </span>
      </a>
      {figure("pings", "Pings", "/s", "Location pings that reached the log, per second", count(latest?.pings_per_second))}
      {figure("age", "Age on glass, p99", "ms", agesTitle(latest), milliseconds(latest === null ? null : glassAge(latest)))}
      {figure("waiting", "Rides waiting", "", "Requested or offered, no driver yet", latest === null ? UNKNOWN : count(ridesWaiting(latest)))}
      {figure("match", "Match time, p50", "s", "From request to an accepted offer", seconds(latest?.rides.match_p50_s))}
      <Audit latest={latest} values={log.history.audit} />
      <ThemeSwitch className="icon-button" />
    </header>
  );
}

const seconds = (value: number | null | undefined): string =>
  value === null || value === undefined ? UNKNOWN : value.toFixed(1);

function agesTitle(latest: Summary | null): string {
  const line = (name: string, label: string): string => `${label} ${milliseconds(latest?.ages[name]?.p99)} ms`;
  return [
    "From the phone's fix to the rider's socket, 99 of 100 sooner:",
    line("rider_matched", "matched driver"),
    line("rider_area", "watched area"),
  ].join("\n");
}

function Clock({ isLive, receivedAtMs }: { isLive: boolean; receivedAtMs: number }): VNode {
  const now = useNow(1_000);
  return (
    <span class="small number clock">
      {isLive ? clockTime(now) : receivedAtMs === 0 ? "Connecting" : `As of ${clockTime(receivedAtMs)}`}
    </span>
  );
}

/** What the log proves. Two drivers for one ride is an alarm whoever sent what. */
function Audit({ latest, values }: { latest: Summary | null; values: readonly (number | null)[] }): VNode {
  const audit = latest?.audit;
  const zeros: [string, number | undefined, string][] = [
    ["missing", audit?.missing, "Sequence numbers not in the log: skipped by a phone, still buffered in one, or lost. The report of the run tells which."],
    ["repeated", audit?.repeated, "Sequence numbers in the log twice, those that phones sent twice among them"],
    ["double-assigned", audit?.double_assigned, "A driver in two rides, or a ride with two drivers"],
  ];
  const isBad = latest !== null && violations(latest) > 0;
  return (
    <section class={`stat audit ${isBad ? "bad" : ""}`} title={`${count(audit?.pings_checked)} pings and ${count(audit?.rides_checked)} rides checked`}>
      <h2 class="small">
        Audit <span class="soft">{isBad ? "violated" : ""}</span>
      </h2>
      <dl class="zeros number">
        {zeros.map(([name, value, title]) => (
          <div key={name} title={title}>
            <dd class={`value ${name === "double-assigned" && (value ?? 0) > 0 ? "bad" : ""}`}>{count(value)}</dd>
            <dt>{name}</dt>
          </div>
        ))}
      </dl>
      <Spark values={values} fromZero />
    </section>
  );
}

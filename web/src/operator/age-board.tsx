/** How old a place is at each step from the phone to the rider, and what was not believed. */

import type { VNode } from "preact";

import type { Quantiles } from "../contracts/generated";
import { count, milliseconds } from "../ui/format";
import { words } from "./story";

const HOPS: [string, string][] = [
  ["gateway", "Phone to gateway"],
  ["log", "Gateway to reader of the log"],
  ["position", "Fix to position"],
  ["rider_matched", "Fix to the matched rider's socket"],
  ["rider_area", "Fix to a watched area's socket"],
];

interface Props {
  ages: Readonly<Record<string, Quantiles>>;
  filtered: Readonly<Record<string, number>>;
}

export function AgeBoard({ ages, filtered }: Props): VNode {
  const longest = Math.max(1, ...HOPS.map(([name]) => ages[name]?.p99 ?? 0));
  const reasons = Object.entries(filtered).filter(([, pings]) => pings > 0);
  return (
    <div class="two">
      <table class="topics ages number">
        <thead>
          <tr>
            <th scope="col">Age, last 10 s</th>
            <th scope="col">p50 and p99</th>
            <th scope="col">p50</th>
            <th scope="col">p99</th>
            <th scope="col">p99, whole run</th>
          </tr>
        </thead>
        <tbody>
          {HOPS.map(([name, label]) => (
            <Hop key={name} label={label} age={ages[name]} longest={longest} />
          ))}
        </tbody>
      </table>
      <section>
        <h3>Pings not believed</h3>
        {reasons.length === 0 ? (
          <p class="soft">None so far.</p>
        ) : (
          <dl class="reasons number">
            {reasons.map(([reason, pings]) => (
              <div key={reason}>
                <dt>{words(reason)}</dt>
                <dd>{count(pings)}</dd>
              </div>
            ))}
          </dl>
        )}
      </section>
    </div>
  );
}

function Hop({ label, age, longest }: { label: string; age: Quantiles | undefined; longest: number }): VNode {
  const share = (value: number | null | undefined): string => `${((value ?? 0) / longest) * 100}%`;
  const cellOf = (value: number | null | undefined): VNode => (
    <td>
      {milliseconds(value)}
      {value !== null && value !== undefined && <span class="unit">ms</span>}
    </td>
  );
  return (
    <tr>
      <th scope="row">{label}</th>
      <td>
        <span class="age-bar" aria-hidden="true">
          <span class="far" style={{ width: share(age?.p99) }} />
          <span class="near" style={{ width: share(age?.p50) }} />
        </span>
      </td>
      {cellOf(age?.p50)}
      {cellOf(age?.p99)}
      {cellOf(age?.run_p99)}
    </tr>
  );
}

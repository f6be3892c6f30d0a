/** Topics by partition as a heat strip: how much flows where, and who is behind. */

import type { VNode } from "preact";

import type { Summary, TopicLine } from "../contracts/generated";
import { totalLag } from "../state/summary";
import { compact, count } from "../ui/format";

/** A reader further behind than this many seconds of its topic is said in colour. */
const LAG_SECONDS_MAX = 2;

interface Props {
  summary: Summary;
  rates: Readonly<Record<string, readonly number[]>>;
}

export function LogBoard({ summary, rates }: Props): VNode {
  if (summary.topics.length === 0) return <p class="soft">No topics are known yet.</p>;
  return (
    <table class="topics number">
      <thead>
        <tr>
          <th scope="col">Topic</th>
          <th scope="col">Partitions, by rate</th>
          <th scope="col">Records</th>
          <th scope="col">In all</th>
          <th scope="col">Readers and their lag</th>
        </tr>
      </thead>
      <tbody>
        {summary.topics.map((line) => (
          <Topic key={line.topic} line={line} rates={rates[line.topic] ?? []} />
        ))}
      </tbody>
    </table>
  );
}

function Topic({ line, rates }: { line: TopicLine; rates: readonly number[] }): VNode {
  const highest = Math.max(...rates, 0.001);
  const readers = Object.entries(line.lag_records);
  const isBehind = totalLag(line.lag_records) > Math.max(100, line.records_per_second * LAG_SECONDS_MAX);
  return (
    <tr>
      <th scope="row">{line.topic}</th>
      <td>
        <span class="heat" aria-label={`${line.partitions} partitions`}>
          {line.end_offsets.map((end, partition) => {
            const rate = rates[partition] ?? 0;
            const share = rate <= 0 ? 0 : 0.2 + 0.8 * Math.sqrt(rate / highest);
            return (
              <span
                key={partition}
                style={{ "--heat": share.toFixed(2) }}
                title={`partition ${partition}: ${count(rate)} records/s, next offset ${count(end)}`}
              />
            );
          })}
        </span>
      </td>
      <td>
        {line.records_per_second < 10 ? line.records_per_second.toFixed(1) : count(line.records_per_second)}
        <span class="unit">/s</span>
      </td>
      <td class="soft">{compact(line.end_offsets.reduce((sum, end) => sum + end, 0))}</td>
      <td>
        {readers.length === 0 && <span class="soft">–</span>}
        {readers.map(([reader, lag]) => (
          <span key={reader} class={`reader ${isBehind && lag > 100 ? "behind" : ""}`}>
            {reader} <span class="strong">{count(lag)}</span>
          </span>
        ))}
      </td>
    </tr>
  );
}

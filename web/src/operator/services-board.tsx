/** The processes: what each costs, how long it has run, when it was last heard. */

import type { VNode } from "preact";

import type { ProcessLine } from "../contracts/generated";
import { ago, count } from "../ui/format";
import { useNow } from "../ui/store";

const SILENT_MS = 3_000;

export function ServicesBoard({ processes }: { processes: readonly ProcessLine[] }): VNode {
  const now = useNow(5_000);
  if (processes.length === 0) return <p class="soft">No service has reported yet.</p>;
  const cores = processes.reduce((sum, line) => sum + line.cpu_cores, 0);
  const memory = processes.reduce((sum, line) => sum + line.rss_mb, 0);
  return (
    <>
      <ul class="services number">
        {processes.map((line) => (
          <Service key={`${line.service}/${line.instance}`} line={line} now={now} />
        ))}
      </ul>
      <p class="small soft number in-all">
        All together {cores.toFixed(2)} cores, {count(memory)} MB
      </p>
    </>
  );
}

function Service({ line, now }: { line: ProcessLine; now: number }): VNode {
  const isSilent = line.age_ms > SILENT_MS;
  return (
    <li class={isSilent ? "silent" : ""} title={`process ${line.pid}`}>
      <div class="row spread">
        <span class="strong">
          {line.service}
          {line.instance > 0 && <span class="unit">{line.instance}</span>}
        </span>
        <span class={`small ${isSilent ? "bad" : "soft"}`}>{isSilent ? `silent, heard ${ago(line.age_ms)}` : `up ${up(now - line.started_ms)}`}</span>
      </div>
      <div class="meter" aria-hidden="true">
        <span style={{ width: `${Math.min(100, line.cpu_cores * 100)}%` }} />
      </div>
      <div class="row spread small">
        <span>
          {(line.cpu_cores * 100).toFixed(0)}
          <span class="unit">% of a core</span>
        </span>
        <span>
          {count(line.rss_mb)}
          <span class="unit">MB</span>
        </span>
        <span class={line.restarts > 0 ? "warn" : "soft"}>
          {line.restarts}
          <span class="unit">restarts</span>
        </span>
      </div>
    </li>
  );
}

function up(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  return seconds < 3_600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3_600)} h`;
}

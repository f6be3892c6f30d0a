/** ETAs that were shown, scored against what happened. */

import type { VNode } from "preact";

import type { EtaScore } from "../contracts/generated";
import { count, UNKNOWN } from "../ui/format";

/** An honest P90 holds for 9 of 10: further off than this it is said in colour. */
const COVERAGE_OFF_MAX = 0.05;

export function EtaBoard({ score }: { score: EtaScore }): VNode {
  if (score.scored === 0) return <p class="soft">No ETA has been scored yet: the first ride has to arrive.</p>;
  const { p90_coverage: coverage } = score;
  const isOff = coverage !== null && Math.abs(coverage - 0.9) > COVERAGE_OFF_MAX;
  return (
    <dl class="eta-board number">
      <div>
        <dt>Scored</dt>
        <dd class="figure">{count(score.scored)}</dd>
      </div>
      <div>
        <dt>Mean error</dt>
        <dd class="figure">
          {score.mae_s === null ? UNKNOWN : Math.round(score.mae_s)}
          <span class="unit">s</span>
        </dd>
      </div>
      <div>
        <dt>P90 kept</dt>
        <dd class={`figure ${isOff ? "warn" : ""}`}>
          {coverage === null ? UNKNOWN : (coverage * 100).toFixed(0)}
          <span class="unit">% of times, 90 is honest</span>
        </dd>
      </div>
      <div class="coverage" aria-hidden="true">
        <span class="scale">
          <span class="kept" style={{ width: `${(coverage ?? 0) * 100}%` }} />
          <span class="goal" />
        </span>
      </div>
    </dl>
  );
}

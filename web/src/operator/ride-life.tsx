/** One ride: its life line, who was looked at for it, and why this driver. */

import type { VNode } from "preact";

import type { DispatchDecision, RideEta, RideStory } from "../contracts/generated";
import { clockTime, distance, span, UNKNOWN } from "../ui/format";
import type { OperatorSession } from "./session";
import { decisionOf, EVENT_WORDS, latestOf, TOKENS, words } from "./story";

interface Props {
  session: OperatorSession;
  story: RideStory;
}

export function RideLife({ session, story }: Props): VNode {
  const latest = latestOf(story);
  const decision = decisionOf(story);
  if (latest === null) return <p class="soft">The log has no facts of this ride any more.</p>;
  return (
    <div class="drawer-body">
      <p class="row">
        <span class="tag" style={{ color: `var(--${TOKENS[latest.state]})` }}>
          {words(latest.state)}
        </span>
        <span class="soft cut">{latest.pickup.name ?? "pickup"}{latest.destination.name ? ` to ${latest.destination.name}` : ""}</span>
      </p>
      <Life story={story} session={session} />
      {decision !== null && <Why decision={decision} session={session} />}
      <Etas etas={story.etas} />
    </div>
  );
}

function Life({ story, session }: Props): VNode {
  const start = story.facts[0]?.requested_ms ?? 0;
  return (
    <section>
      <h3>Life</h3>
      <ol class="life number">
        {story.facts.map((fact) => (
          <li key={fact.number} style={{ "--at": `var(--${TOKENS[fact.state]})` }} title={clockTime(fact.at_ms)}>
            <span class="grow">
              {EVENT_WORDS[fact.event]}
              {fact.driver !== null && fact.driver !== undefined && <DriverLink id={fact.driver} session={session} />}
            </span>
            <span class="soft">{fact.at_ms - start < 1_000 ? clockTime(fact.at_ms) : `+${span((fact.at_ms - start) / 1000)}`}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function DriverLink({ id, session }: { id: number; session: OperatorSession }): VNode {
  return (
    <button
      type="button"
      class="inline-link"
      onClick={() => {
        session.selectDriver(id);
      }}
    >
      {id}
    </button>
  );
}

function Why({ decision, session }: { decision: DispatchDecision; session: OperatorSession }): VNode {
  const shadow = decision.shadow?.[0];
  const candidates = [...decision.candidates].sort((a, b) => a.cost_s - b.cost_s).slice(0, 8);
  const dearest = Math.max(1, ...candidates.map((candidate) => candidate.eta_s));
  return (
    <section>
      <div class="row spread">
        <h3>Why this driver</h3>
        <span class="small number soft">window {decision.window}</span>
      </div>
      {decision.why !== undefined && decision.why !== "" && <p class="why">{decision.why}</p>}
      <table class="candidates number">
        <thead>
          <tr>
            <th scope="col">Candidate</th>
            <th scope="col">By road</th>
            <th scope="col">Straight</th>
            <th scope="col">Cost</th>
          </tr>
        </thead>
        <tbody>
          {candidates.map((candidate) => (
            <tr key={candidate.driver} class={candidate.driver === decision.chosen ? "chosen" : ""} title={candidate.passed_over ?? ""}>
              <th scope="row">
                <DriverLink id={candidate.driver} session={session} />
                <span class="bar" style={{ width: `${(candidate.eta_s / dearest) * 100}%` }} />
              </th>
              <td>{span(candidate.eta_s)}</td>
              <td>{distance(candidate.metres)}</td>
              <td>{candidate.passed_over ? "passed over" : span(candidate.cost_s)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="small soft number">
        {decision.requests} requests against {decision.drivers} drivers, solved in {(decision.solve_ms ?? 0).toFixed(1)} ms.
        {shadow && ` ${words(shadow.policy)} would have taken ${shadow.driver ?? "nobody"}${shadow.eta_s ? `, ${span(shadow.eta_s)} away` : ""}.`}
      </p>
    </section>
  );
}

function Etas({ etas }: { etas: readonly RideEta[] }): VNode | null {
  const kinds = (["pickup", "trip"] as const).map((kind) => {
    const all = etas.filter((eta) => eta.kind === kind);
    return { kind, first: all[0], last: all.at(-1), actual: all.findLast((eta) => eta.actual_s !== null && eta.actual_s !== undefined) };
  });
  if (etas.length === 0) return null;
  return (
    <section>
      <h3>ETA, shown against what happened</h3>
      <table class="candidates number">
        <thead>
          <tr>
            <th scope="col">Wait</th>
            <th scope="col">First shown</th>
            <th scope="col">P90</th>
            <th scope="col">Took</th>
          </tr>
        </thead>
        <tbody>
          {kinds.map(({ kind, first, actual }) => (
            <tr key={kind}>
              <th scope="row">{kind}</th>
              <td>{span(first?.predicted_s ?? null)}</td>
              <td>{span(first?.p90_s ?? null)}</td>
              <td>{actual === undefined ? UNKNOWN : span(actual.actual_s ?? null)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

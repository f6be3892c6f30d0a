/** The dock below: the log, the age hop by hop, the services, the rides, the ETA board. */

import type { VNode } from "preact";
import { useState } from "preact/hooks";

import { ChevronIcon } from "../ui/icons";
import { useStore } from "../ui/store";
import { AgeBoard } from "./age-board";
import { EtaBoard } from "./eta-board";
import { LogBoard } from "./log-board";
import { RidesBoard } from "./rides-board";
import { ServicesBoard } from "./services-board";
import type { OperatorSession } from "./session";

const TABS = ["Log", "Age", "Services", "Rides", "ETA"] as const;
type Tab = (typeof TABS)[number];

export function Dock({ session }: { session: OperatorSession }): VNode {
  const [tab, setTab] = useState<Tab>("Log");
  const [isOpen, setOpen] = useState(true);
  const log = useStore(session.log);
  return (
    <section class={`dock panel ${isOpen ? "" : "closed"}`} aria-label="Platform">
      <header class="row spread">
        <div class="tabs" role="tablist">
          {TABS.map((each) => (
            <button
              key={each}
              type="button"
              role="tab"
              id={`tab-${each}`}
              aria-controls="board"
              aria-selected={isOpen && each === tab}
              onClick={() => {
                setTab(each);
                setOpen(true);
              }}
            >
              {each}
            </button>
          ))}
        </div>
        <button
          type="button"
          class="icon-button fold"
          aria-expanded={isOpen}
          aria-label={isOpen ? "Fold the dock" : "Unfold the dock"}
          onClick={() => {
            setOpen(!isOpen);
          }}
        >
          <ChevronIcon />
        </button>
      </header>
      {isOpen && (
        <div class="board" id="board" role="tabpanel" aria-labelledby={`tab-${tab}`}>
          {log.latest === null ? <p class="soft">Waiting for the first summary.</p> : <Board tab={tab} session={session} />}
        </div>
      )}
    </section>
  );
}

function Board({ tab, session }: { tab: Tab; session: OperatorSession }): VNode | null {
  const log = useStore(session.log);
  const { latest } = log;
  if (latest === null) return null;
  switch (tab) {
    case "Log":
      return <LogBoard summary={latest} rates={log.partitionRates} />;
    case "Age":
      return <AgeBoard ages={latest.ages} filtered={latest.filtered} />;
    case "Services":
      return <ServicesBoard processes={latest.processes} />;
    case "Rides":
      return <RidesBoard session={session} rides={latest.rides} />;
    case "ETA":
      return <EtaBoard score={latest.eta} />;
  }
}

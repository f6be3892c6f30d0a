/** Layers, which are the legend as well, and the search for a driver or a ride. */

import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { messageOf } from "../browser/http";
import { Look } from "../map/palette";
import type { Summary } from "../contracts/generated";
import { count, UNKNOWN } from "../ui/format";
import { SearchIcon } from "../ui/icons";
import { useStore } from "../ui/store";
import type { OperatorSession } from "./session";

export const ALL_LOOKS: ReadonlySet<number> = new Set(Object.values(Look));

interface LegendLine {
  look: number;
  name: string;
  token: string;
  shape: string;
  count: (summary: Summary) => number | null;
}

const inState = (state: string) => (summary: Summary): number => summary.drivers_by_state[state] ?? 0;

const LEGEND: readonly LegendLine[] = [
  { look: Look.OPEN, name: "Open", token: "open", shape: "arrow", count: inState("open") },
  { look: Look.OFFERED, name: "Offered", token: "offered", shape: "ringed", count: inState("offered") },
  { look: Look.EN_ROUTE, name: "En route", token: "en-route", shape: "arrow", count: inState("en_route") },
  { look: Look.WAITING, name: "Waiting", token: "waiting", shape: "square", count: inState("waiting") },
  { look: Look.ON_TRIP, name: "On trip", token: "on-trip", shape: "dotted", count: inState("on_trip") },
  { look: Look.DARK, name: "Dark", token: "dark", shape: "hollow", count: (summary) => summary.drivers_dark },
  { look: Look.SUSPECT, name: "Suspect", token: "alarm", shape: "hollow", count: () => null },
];

interface Props {
  session: OperatorSession;
  looks: ReadonlySet<number>;
  onLooks: (looks: ReadonlySet<number>) => void;
  isPulseOn: boolean;
  onPulse: (isOn: boolean) => void;
}

export function Rail({ session, looks, onLooks, isPulseOn, onPulse }: Props): VNode {
  const { latest } = useStore(session.log);
  const toggle = (look: number): void => {
    const next = new Set(looks);
    if (!next.delete(look)) next.add(look);
    onLooks(next);
  };
  return (
    <nav class="rail panel" aria-label="Layers and search">
      <Search session={session} />
      <div class="legend">
        <div class="row spread">
          <h3>Drivers</h3>
          <span class="small number soft">{latest === null ? UNKNOWN : `${count(latest.drivers_seen)} seen`}</span>
        </div>
        <ul>
          {LEGEND.map((line) => (
            <li key={line.look}>
              <label class="legend-line">
                <input
                  type="checkbox"
                  checked={looks.has(line.look)}
                  onChange={() => {
                    toggle(line.look);
                  }}
                />
                <Shape shape={line.shape} token={line.token} />
                <span class="grow">{line.name}</span>
                <span class="number soft">{latest === null ? UNKNOWN : countOf(line, latest)}</span>
              </label>
            </li>
          ))}
        </ul>
        <label class="legend-line">
          <input
            type="checkbox"
            checked={isPulseOn}
            onChange={() => {
              onPulse(!isPulseOn);
            }}
          />
          <span class="shape-box">
            <span class="demand-key" />
          </span>
          <span class="grow">Demand</span>
          <span class="number soft">{latest === null ? UNKNOWN : count(waitingNow(latest))}</span>
        </label>
      </div>
    </nav>
  );
}

const waitingNow = (summary: Summary): number =>
  (summary.rides.by_state["requested"] ?? 0) + (summary.rides.by_state["offered"] ?? 0);

function countOf(line: LegendLine, summary: Summary): string {
  const value = line.count(summary);
  return value === null ? "" : count(value);
}

/** The shapes of the map, small: colour is never the only sign. */
function Shape({ shape, token }: { shape: string; token: string }): VNode {
  const color = `var(--${token})`;
  const isHollow = shape === "hollow";
  return (
    <svg class="shape-box" width="22" height="22" viewBox="-11 -11 22 22" aria-hidden="true">
      {shape === "ringed" && <circle r="9.5" fill="none" stroke={color} stroke-width="1.3" />}
      {shape === "square" ? (
        <rect x="-5" y="-5" width="10" height="10" rx="2.3" fill={color} />
      ) : (
        <path
          d="M0 -7.5 5.4 6 0 3.2 -5.4 6Z"
          fill={isHollow ? "none" : color}
          stroke={isHollow ? color : "none"}
          stroke-width="1.7"
          stroke-linejoin="round"
        />
      )}
      {shape === "dotted" && <circle r="1.9" cy="0.6" fill="var(--panel)" />}
    </svg>
  );
}

type Found = { kind: "driver"; id: number } | { kind: "ride"; id: string };

function Search({ session }: { session: OperatorSession }): VNode {
  const [query, setQuery] = useState("");
  const [found, setFound] = useState<readonly Found[]>([]);
  const [note, setNote] = useState("");
  const asked = useRef("");
  useEffect(() => {
    const text = query.trim();
    asked.current = text;
    setNote("");
    if (text === "") {
      setFound([]);
      return undefined;
    }
    const timer = window.setTimeout(() => {
      void find(session, text).then(
        (results) => {
          if (asked.current !== text) return;
          setFound(results);
          setNote(results.length === 0 ? `No driver begins with ${text}.` : "");
        },
        (error: unknown) => {
          setNote(messageOf(error));
        },
      );
    }, 180);
    return () => {
      window.clearTimeout(timer);
    };
  }, [query, session]);
  const choose = (one: Found): void => {
    if (one.kind === "driver") session.selectDriver(one.id);
    else session.selectRide(one.id);
    setQuery("");
  };
  return (
    <form
      class="find"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        const first = found[0];
        if (first !== undefined) choose(first);
      }}
    >
      <label class="row find-box">
        <SearchIcon />
        <span class="sr-only">Driver number or ride</span>
        <input
          class="grow number"
          placeholder="Driver or ride"
          list={undefined}
          type="search"
          autocomplete="off"
          spellcheck={false}
          value={query}
          onInput={(event) => {
            setQuery(event.currentTarget.value);
          }}
        />
      </label>
      {found.length > 0 && (
        <ul class="found number">
          {found.map((one) => (
            <li key={one.id}>
              <button
                type="button"
                onClick={() => {
                  choose(one);
                }}
              >
                <span class="soft">{one.kind === "driver" ? "Driver" : "Ride"}</span>
                <span class="cut">{one.id}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      {note !== "" && <p class="small soft">{note}</p>}
    </form>
  );
}

/** Digits are a driver's; anything else is a ride's name. */
async function find(session: OperatorSession, text: string): Promise<Found[]> {
  if (!/^\d+$/.test(text)) return [{ kind: "ride", id: text }];
  const drivers = await session.drivers(text);
  return drivers.slice(0, 6).map((id) => ({ kind: "driver", id }));
}

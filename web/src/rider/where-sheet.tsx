/** Step one: where from (the pin) and where to (a street, or a place on the map). */

import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { fetchPlaces, messageOf } from "../browser/http";
import type { Place } from "../contracts/generated";
import type { Loading, RiderFlow } from "../state/ride";
import { count } from "../ui/format";
import { FlagIcon, HereIcon, SearchIcon } from "../ui/icons";
import { Skeleton } from "../ui/parts";
import { useStore } from "../ui/store";
import type { Choosing } from "./layout";
import type { RiderSession } from "./session";

const NEARBY_EVERY_MS = 4_000;
const TYPING_MS = 160;

interface Props {
  session: RiderSession;
  flow: Extract<RiderFlow, { step: "where" }>;
  choosing: Choosing;
  onChoose: (choosing: Choosing) => void;
}

export function WhereSheet({ session, flow, choosing, onChoose }: Props): VNode {
  useNearby(session, flow.pickup);
  if (choosing === "destination") return <OnTheMap session={session} onChoose={onChoose} />;
  return (
    <section class="sheet panel where" aria-label="Where to">
      <div class="pickup row">
        <span class="spot-key pickup" aria-hidden="true" />
        <div class="grow">
          <p class="small soft">Pickup at the pin</p>
          <p class="strong cut">{flow.pickup === null ? <Skeleton width="60%" /> : (flow.pickup.name ?? "On the map")}</p>
        </div>
        <Supply session={session} />
      </div>
      <Search
        onPick={(place) => {
          session.flow.tell({ kind: "destination_set", place });
        }}
        onMap={() => {
          onChoose("destination");
        }}
      />
    </section>
  );
}

function useNearby(session: RiderSession, pickup: Place | null): void {
  const key = pickup === null ? "" : `${pickup.lat.toFixed(4)},${pickup.lon.toFixed(4)}`;
  useEffect(() => {
    if (pickup === null) return undefined;
    const stop = new AbortController();
    const look = (): void => void session.lookNearby(pickup, stop.signal);
    look();
    const timer = window.setInterval(look, NEARBY_EVERY_MS);
    return () => {
      window.clearInterval(timer);
      stop.abort();
    };
  }, [session, key]);
}

function Supply({ session }: { session: RiderSession }): VNode {
  const nearby = useStore(session.nearby);
  switch (nearby.kind) {
    case "loading":
      return <Skeleton width="64px" />;
    case "failed":
      return <span class="small soft supply">Cars unknown</span>;
    case "loaded":
      return (
        <span class="small soft number supply">
          <span class="state-dot open" /> {count(nearby.value.open_drivers)} open
        </span>
      );
  }
}

interface SearchProps {
  onPick: (place: Place) => void;
  onMap: () => void;
}

function Search({ onPick, onMap }: SearchProps): VNode {
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  const found = usePlaces(query);
  const places = found?.kind === "loaded" ? found.value : [];
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === "Escape") setQuery("");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      setActive((active + step + Math.max(1, places.length)) % Math.max(1, places.length));
    }
    const chosen = places[active];
    if (event.key === "Enter" && chosen !== undefined) onPick(chosen);
  };
  return (
    <>
      <label class="search row">
        <SearchIcon />
        <span class="sr-only">Destination: a street</span>
        <input
          class="grow"
          type="search"
          list={undefined}
          placeholder="Where to?"
          autocomplete="off"
          spellcheck={false}
          role="combobox"
          aria-expanded={places.length > 0}
          aria-controls="places"
          aria-activedescendant={places.length > 0 ? `place-${active}` : undefined}
          value={query}
          onInput={(event) => {
            setQuery(event.currentTarget.value);
            setActive(0);
          }}
          onKeyDown={onKey}
        />
      </label>
      <ul class="places" id="places" role="listbox" aria-label="Streets">
        {places.map((place, index) => (
          <li key={`${place.name ?? ""}${place.lat}`} role="option" id={`place-${index}`} aria-selected={index === active}>
            <button
              type="button"
              class="place row"
              tabIndex={-1}
              onClick={() => {
                onPick(place);
              }}
            >
              <FlagIcon />
              <span class="cut">{place.name ?? "A place"}</span>
            </button>
          </li>
        ))}
      </ul>
      <SearchNote found={found} query={query} />
      {query === "" && (
        <button type="button" class="place row on-map" onClick={onMap}>
          <HereIcon />
          <span>Set the destination on the map</span>
        </button>
      )}
    </>
  );
}

function SearchNote({ found, query }: { found: Loading<Place[]> | null; query: string }): VNode | null {
  if (found === null) return null;
  switch (found.kind) {
    case "loading":
      return (
        <div class="waiting-places">
          <Skeleton width="70%" />
          <Skeleton width="52%" />
        </div>
      );
    case "failed":
      return <p class="note soft">{found.message}</p>;
    case "loaded":
      return found.value.length > 0 ? null : <p class="note soft">No street called “{query.trim()}” in this city.</p>;
  }
}

/** Null: nothing asked. A newer question makes the older one's answer void. */
function usePlaces(query: string): Loading<Place[]> | null {
  const [found, setFound] = useState<Loading<Place[]> | null>(null);
  const asked = query.trim();
  const isFirst = useRef(true);
  useEffect(() => {
    if (asked.length < 2) {
      setFound(null);
      isFirst.current = true;
      return undefined;
    }
    const stop = new AbortController();
    if (isFirst.current) setFound({ kind: "loading" });
    isFirst.current = false;
    const timer = window.setTimeout(() => {
      fetchPlaces(asked, stop.signal).then(
        (reply) => {
          setFound({ kind: "loaded", value: reply.places.slice(0, 5) });
        },
        (error: unknown) => {
          if (!stop.signal.aborted) setFound({ kind: "failed", message: messageOf(error) });
        },
      );
    }, TYPING_MS);
    return () => {
      window.clearTimeout(timer);
      stop.abort();
    };
  }, [asked]);
  return found;
}

function OnTheMap({ session, onChoose }: Pick<Props, "session" | "onChoose">): VNode {
  const centre = useStore(session.centre);
  return (
    <section class="sheet panel" aria-label="Destination on the map">
      <div class="pickup row">
        <span class="spot-key destination" aria-hidden="true" />
        <div class="grow">
          <p class="small soft">Move the map to your destination</p>
          <p class="strong cut">{centre?.name ?? "On the map"}</p>
        </div>
      </div>
      <button
        type="button"
        class="button wide"
        disabled={centre === null}
        onClick={() => {
          if (centre !== null) session.flow.tell({ kind: "destination_set", place: centre });
        }}
      >
        Go here
      </button>
      <button
        type="button"
        class="button bare"
        onClick={() => {
          onChoose("pickup");
        }}
      >
        Back to the pickup
      </button>
    </section>
  );
}

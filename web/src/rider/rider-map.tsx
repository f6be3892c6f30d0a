/** The rider's map: the pin at its centre while choosing, then the route and the one car. */

import { Marker } from "maplibre-gl";
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { fetchRoute } from "../browser/http";
import type { ConfigReply, Place } from "../contracts/generated";
import { CarLayer } from "../map/carlayer";
import { CityMap } from "../map/citymap";
import { motionMs } from "../map/motion";
import { PALETTES } from "../map/palette";
import { latOf, lonOf } from "../state/mercator";
import { isOver, rideStateOf, type RiderFlow, type RideView } from "../state/ride";
import { useStore } from "../ui/store";
import { theme } from "../ui/theme";
import { clearOf, type Choosing } from "./layout";
import { streetAt } from "./nearest";
import { CentrePin } from "./pins";
import type { RiderSession } from "./session";

const AREA_FROM_ZOOM = 12.5;
const ROUTE_AGAIN_MS = 10_000;

interface Props {
  session: RiderSession;
  config: ConfigReply;
  flow: RiderFlow;
  choosing: Choosing;
}

export function RiderMap({ session, config, flow, choosing }: Props): VNode {
  const holder = useRef<HTMLDivElement>(null);
  const [city, setCity] = useState<CityMap | null>(null);
  const shade = useStore(theme);
  useCityMap(holder, config, session, setCity);
  useCentre(city, session, flow.step === "where" ? choosing : null);
  useLines(city, session, flow);
  const layer = useCars(city, session, flow.step);
  useEffect(() => {
    city?.setTheme(shade);
    layer.current?.themeChanged();
  }, [city, shade, layer]);
  return (
    <>
      <div class="map" ref={holder} role="application" aria-label="Map. Move it to set the pin." />
      {flow.step === "where" && <CentrePin choosing={choosing} session={session} city={city} />}
    </>
  );
}

function useCityMap(
  holder: { current: HTMLDivElement | null },
  config: ConfigReply,
  session: RiderSession,
  setCity: (city: CityMap | null) => void,
): void {
  useEffect(() => {
    if (holder.current === null) return undefined;
    const city = new CityMap(holder.current, config, theme.state, { zoom: 15 });
    city.map.setPadding(clearOf());
    const watch = (): void => {
      const box = city.map.getBounds();
      session.watchArea(
        city.map.getZoom() < AREA_FROM_ZOOM
          ? null
          : { south: box.getSouth(), west: box.getWest(), north: box.getNorth(), east: box.getEast() },
      );
    };
    city.map.on("moveend", watch);
    city.map.on("resize", () => {
      city.map.setPadding(clearOf());
    });
    watch();
    setCity(city);
    return () => {
      setCity(null);
      city.remove();
    };
  }, [config, session]);
}

/** The place under the pin, with its street; null: the page is not choosing. */
function useCentre(city: CityMap | null, session: RiderSession, choosing: Choosing | null): void {
  useEffect(() => {
    if (city === null || choosing === null) return undefined;
    const known = session.flow.state.step === "where" ? session.flow.state.pickup : null;
    if (known !== null && choosing === "pickup") {
      city.map.jumpTo({ center: [known.lon, known.lat], zoom: Math.max(15, city.map.getZoom()) });
    }
    const take = (): void => {
      const { lat, lng: lon } = city.map.getCenter();
      const name = streetAt(city, { lat, lon });
      const place = name === null ? { lat, lon } : { lat, lon, name };
      session.centre.tell(place);
      if (choosing === "pickup") session.flow.tell({ kind: "pickup_set", place });
    };
    const goTo = (event: { lngLat: { lng: number; lat: number } }): void => {
      city.map.easeTo({ center: event.lngLat, duration: motionMs(350) });
    };
    take();
    city.map.on("idle", take);
    city.map.on("moveend", take);
    city.map.on("click", goTo);
    return () => {
      city.map.off("idle", take);
      city.map.off("moveend", take);
      city.map.off("click", goTo);
    };
  }, [city, session, choosing]);
}

function useCars(city: CityMap | null, session: RiderSession, step: RiderFlow["step"]): { current: CarLayer | null } {
  const layer = useRef<CarLayer | null>(null);
  useEffect(() => {
    if (city === null) return undefined;
    const others = { table: session.area, scale: 1, halo: false, looks: null };
    const mine = { table: session.matched, scale: 1.5, halo: true, looks: null };
    layer.current = new CarLayer(city, step === "ride" ? [mine] : [others], () => Date.now());
    return () => {
      layer.current?.remove();
      layer.current = null;
    };
  }, [city, session, step]);
  return layer;
}

/** Pins and the way between them; on the way, the car's own route, renewed as it goes. */
function useLines(city: CityMap | null, session: RiderSession, flow: RiderFlow): void {
  const places = placesOf(flow);
  const key = places === null ? "" : JSON.stringify(places.map(({ lat, lon }) => [lat, lon]));
  const isSearching = flow.step === "ride" && ["requested", "offered"].includes(rideStateOf(flow.view));
  const shade = useStore(theme);
  useEffect(() => {
    if (city === null || places === null) return undefined;
    const [pickup, destination] = places;
    const pins = [pinAt(city, pickup, "pickup", isSearching), pinAt(city, destination, "destination", false)];
    return () => {
      for (const pin of pins) pin.remove();
    };
  }, [city, key, isSearching]);
  useEffect(() => {
    if (city !== null && places !== null) city.fit(places);
    return () => {
      city?.draw([]);
    };
  }, [city, key]);
  const confirmRoute = flow.step === "confirm" && flow.route.kind === "loaded" ? flow.route.value : null;
  useEffect(() => {
    if (city === null || confirmRoute === null) return;
    city.draw([{ line: confirmRoute.line, color: theme.state === "day" ? "#15181b" : "#edf1f5", width: 4.5 }]);
    city.fit(confirmRoute.line.map(([lon, lat]) => ({ lat, lon })));
  }, [city, confirmRoute, shade]);
  const view = flow.step === "ride" ? flow.view : null;
  const state = view === null ? null : rideStateOf(view);
  useEffect(() => {
    if (city === null || view === null || state === null || isOver(state)) return undefined;
    const show = (isFirst: boolean): void => void showWay(city, session, view, isFirst);
    show(true);
    const soon = window.setTimeout(() => {
      show(true);
    }, 1_500);
    const timer = window.setInterval(() => {
      show(false);
    }, ROUTE_AGAIN_MS);
    return () => {
      window.clearTimeout(soon);
      window.clearInterval(timer);
      city.draw([]);
    };
  }, [city, view?.ride, state, shade]);
}

function placesOf(flow: RiderFlow): [Place, Place] | null {
  if (flow.step === "confirm") return [flow.pickup, flow.destination];
  return flow.step === "ride" ? [flow.view.pickup, flow.view.destination] : null;
}

/** Draw the way of the matched car to where it is going. */
async function showWay(city: CityMap, session: RiderSession, view: RideView, isFirst: boolean): Promise<void> {
  const state = rideStateOf(view);
  const isOnTrip = state === "on_trip";
  if (state !== "en_route" && !isOnTrip) {
    if (isFirst && state === "requested") city.fit([view.pickup], 15);
    return;
  }
  if (session.matched.count === 0) return;
  const car = { lat: latOf(session.matched.y[0] ?? 0), lon: lonOf(session.matched.x[0] ?? 0) };
  const goal = isOnTrip ? view.destination : view.pickup;
  // Without a route the car and the pins still tell the story.
  const route = await fetchRoute(car, goal).catch(() => null);
  if (route === null) return;
  const color = PALETTES[city.theme].cars[isOnTrip ? 5 : 3] ?? "";
  city.draw([{ line: route.line, color, width: 5 }]);
  if (isFirst || !isInView(city, car)) city.fit([car, goal]);
}

function isInView(city: CityMap, place: { lat: number; lon: number }): boolean {
  const { x, y } = city.map.project([place.lon, place.lat]);
  const clear = clearOf();
  const { clientWidth, clientHeight } = city.container;
  return x > clear.left - 30 && x < clientWidth - 10 && y > 40 && y < clientHeight - clear.bottom + 30;
}

function pinAt(city: CityMap, place: Place, kind: Choosing, isSearching: boolean): Marker {
  const element = document.createElement("div");
  element.className = `spot ${kind}${isSearching ? " searching" : ""}`;
  return new Marker({ element, anchor: "center" }).setLngLat([place.lon, place.lat]).addTo(city.map);
}

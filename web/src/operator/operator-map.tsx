/** All drivers on the map, who waits for one, and the trail or ride that is selected. */

import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { ConfigReply, RideFact } from "../contracts/generated";
import { CarLayer } from "../map/carlayer";
import { CityMap, type DrawnLine, type Spot } from "../map/citymap";
import { motionMs } from "../map/motion";
import { Look, PALETTES } from "../map/palette";
import { latestOf } from "./story";
import { useStore } from "../ui/store";
import { theme } from "../ui/theme";
import type { OperatorSession, Selection } from "./session";

const DEMAND_EVERY_MS = 2_000;

interface Props {
  session: OperatorSession;
  config: ConfigReply;
  looks: ReadonlySet<number>;
  isPulseOn: boolean;
}

export function OperatorMap({ session, config, looks, isPulseOn }: Props): VNode {
  const holder = useRef<HTMLDivElement>(null);
  const [city, setCity] = useState<CityMap | null>(null);
  const layer = useRef<CarLayer | null>(null);
  const shade = useStore(theme);
  const selection = useStore(session.selection);
  const demand = useDemand(session, isPulseOn);
  useEffect(() => {
    if (holder.current === null) return undefined;
    const made = new CityMap(holder.current, config, theme.state, { zoom: 11.7 });
    made.map.setPadding({ top: 110, bottom: 270, left: 240, right: 0 });
    setCity(made);
    return () => {
      setCity(null);
      made.remove();
    };
  }, [config]);
  useEffect(() => {
    if (city === null) return undefined;
    layer.current = new CarLayer(city, [{ table: session.cars, scale: 1, halo: false, looks }], () => Date.now());
    layer.current.selected = carOf(selection);
    return () => {
      layer.current?.remove();
      layer.current = null;
    };
  }, [city, session, looks]);
  useEffect(() => {
    city?.setTheme(shade);
    layer.current?.themeChanged();
  }, [city, shade]);
  usePicking(city, session, layer);
  useEffect(() => {
    if (layer.current !== null) layer.current.selected = carOf(selection);
    if (city === null) return;
    city.draw(linesOf(city, selection));
    city.mark([...demand.map((fact) => demandSpot(city, fact)), ...selectionSpots(city, selection)]);
  }, [city, selection, demand, shade]);
  useEffect(() => {
    if (city !== null) lookAt(city, selection);
  }, [city, selection?.id, selection?.reply.kind]);
  return <div class="map" ref={holder} role="application" aria-label="Map of all drivers" />;
}

function useDemand(session: OperatorSession, isOn: boolean): readonly RideFact[] {
  const [demand, setDemand] = useState<readonly RideFact[]>([]);
  useEffect(() => {
    setDemand([]);
    if (!isOn) return undefined;
    let isWanted = true;
    const read = async (): Promise<void> => {
      const [requested, offered] = await Promise.all([session.rides("requested"), session.rides("offered")]);
      if (isWanted) setDemand([...requested, ...offered]);
    };
    // The banner already says when ops is away: old demand simply leaves the map.
    const renew = (): void =>
      void read().catch(() => {
        if (isWanted) setDemand([]);
      });
    renew();
    const timer = window.setInterval(renew, DEMAND_EVERY_MS);
    return () => {
      isWanted = false;
      window.clearInterval(timer);
    };
  }, [session, isOn]);
  return demand;
}

function usePicking(city: CityMap | null, session: OperatorSession, layer: { current: CarLayer | null }): void {
  useEffect(() => {
    if (city === null) return undefined;
    const pick = (event: { point: { x: number; y: number } }): void => {
      const car = layer.current?.carAt(event.point) ?? null;
      if (car === null) session.selection.tell(null);
      else session.selectDriver(car);
    };
    const hover = (event: { point: { x: number; y: number } }): void => {
      const isOver = city.map.getZoom() > 12 && layer.current?.carAt(event.point, 9) !== null;
      city.map.getCanvas().style.cursor = isOver ? "pointer" : "";
    };
    city.map.on("click", pick);
    city.map.on("mousemove", hover);
    return () => {
      city.map.off("click", pick);
      city.map.off("mousemove", hover);
    };
  }, [city, session, layer]);
}

const carOf = (selection: Selection | null): number | null =>
  selection?.kind === "driver" && selection.reply.kind === "loaded" ? selection.reply.value.car : null;

function linesOf(city: CityMap, selection: Selection | null): DrawnLine[] {
  if (selection?.reply.kind !== "loaded") return [];
  const palette = PALETTES[city.theme];
  if (selection.kind === "driver") {
    const { trail } = selection.reply.value;
    const line = trail.map((point): [number, number] => [point.lon, point.lat]);
    return line.length < 2 ? [] : [{ line, color: palette.text, width: 3 }];
  }
  const fact = latestOf(selection.reply.value);
  if (fact === null) return [];
  const { pickup, destination } = fact;
  const line: [number, number][] = [
    [pickup.lon, pickup.lat],
    [destination.lon, destination.lat],
  ];
  return [{ line, color: palette.text, width: 2, opacity: 0.6 }];
}

const demandSpot = (city: CityMap, fact: RideFact): Spot => ({
  ...fact.pickup,
  color: PALETTES[city.theme].cars[Look.OFFERED] ?? "",
  radius: 9,
  filled: false,
});

function selectionSpots(city: CityMap, selection: Selection | null): Spot[] {
  if (selection?.kind !== "ride" || selection.reply.kind !== "loaded") return [];
  const fact = latestOf(selection.reply.value);
  if (fact === null) return [];
  const color = city.theme === "night" ? "#edf1f5" : "#15181b";
  return [
    { ...fact.pickup, color, radius: 6, filled: false },
    { ...fact.destination, color, radius: 6, filled: true },
  ];
}

/** Once, when the selection is known: after that the map is the operator's again. */
function lookAt(city: CityMap, selection: Selection | null): void {
  if (selection?.reply.kind !== "loaded") return;
  if (selection.kind === "driver") {
    const { lat, lon } = selection.reply.value;
    if (city.map.getBounds().contains([lon, lat]) && city.map.getZoom() >= 12.5) return;
    city.map.easeTo({ center: [lon, lat], zoom: Math.max(14.5, city.map.getZoom()), duration: motionMs(700) });
    return;
  }
  const fact = latestOf(selection.reply.value);
  if (fact !== null) city.fit([fact.pickup, fact.destination]);
}

/** What each door shows: a pin among cars, one car on its way, the whole city. */

import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";

import type { ConfigReply } from "../contracts/generated";
import { Look, PALETTES, type Palette, type Theme } from "../map/palette";
import { Miniature, type View } from "../map/miniature";
import { lookOf } from "../map/look";
import type { CarTable } from "../state/cars";
import { latOf, lonOf } from "../state/mercator";
import { useStore } from "../ui/store";
import { theme } from "../ui/theme";
import type { LandingSession } from "./session";

interface Props {
  session: LandingSession;
  config: ConfigReply;
}

type Over = (ink: CanvasRenderingContext2D, nowMs: number) => void;

function useMiniature(session: LandingSession, shade: Theme, view: () => View, over: Over | null): { current: HTMLCanvasElement | null } {
  const canvas = useRef<HTMLCanvasElement>(null);
  const roads = useStore(session.roads);
  useEffect(() => {
    if (canvas.current === null || roads === null) return undefined;
    const made = new Miniature(canvas.current, PALETTES[shade], roads, session.cars, view, over);
    return () => {
      made.stop();
    };
  }, [session, roads, shade]);
  return canvas;
}

export function RiderScene({ session, config }: Props): VNode {
  const shade = useStore(theme);
  const [lat, lon] = config.centre;
  const canvas = useMiniature(session, shade, () => ({ lat, lon, zoom: 14.6 }), pin(PALETTES[shade]));
  return <canvas ref={canvas} class="scene" role="img" aria-label="A pickup pin among moving cars" />;
}

export function DriverScene({ session, config }: Props): VNode {
  const shade = useStore(theme);
  const chosen = useRef<number | null>(null);
  const canvas = useMiniature(session, shade, () => onTheWay(session.cars, chosen, config), halo(PALETTES[shade]));
  return <canvas ref={canvas} class="scene" role="img" aria-label="One car on its way" />;
}

export function OperatorScene({ session, config }: Props): VNode {
  const [lat, lon] = config.centre;
  const canvas = useMiniature(session, "night", () => ({ lat, lon, zoom: 10.9 }), null);
  return <canvas ref={canvas} class="scene" role="img" aria-label="All drivers of the city" />;
}

/** Follow one car that drives; another one when it has gone or stands still. */
function onTheWay(cars: CarTable, chosen: { current: number | null }, config: ConfigReply): View {
  const now = Date.now();
  const isGood = (slot: number): boolean => (cars.speedCmS[slot] ?? 0) > 300 && lookOf(cars, slot, now) !== Look.DARK;
  let slot = chosen.current === null ? null : cars.slotOf(chosen.current);
  if (slot === null || lookOf(cars, slot, now) === Look.DARK) {
    slot = nearestGood(cars, config, isGood);
    chosen.current = slot === null ? null : (cars.ids[slot] ?? null);
  }
  if (slot === null) return { lat: config.centre[0], lon: config.centre[1], zoom: 15.6 };
  const spot = { x: 0, y: 0 };
  cars.place(slot, now, spot);
  return { lat: latOf(spot.y), lon: lonOf(spot.x), zoom: 15.6 };
}

function nearestGood(cars: CarTable, config: ConfigReply, isGood: (slot: number) => boolean): number | null {
  const [lat, lon] = config.centre;
  let best: number | null = null;
  let bestDistance = Infinity;
  for (let slot = 0; slot < cars.count; slot += 1) {
    if (!isGood(slot)) continue;
    const distance = Math.hypot(latOf(cars.y[slot] ?? 0) - lat, (lonOf(cars.x[slot] ?? 0) - lon) / 2);
    if (distance >= bestDistance) continue;
    bestDistance = distance;
    best = slot;
  }
  return best;
}

const pin =
  (palette: Palette): Over =>
  (ink) => {
    ink.beginPath();
    ink.arc(0, 0, 7, 0, 2 * Math.PI);
    ink.fillStyle = palette.carEdge;
    ink.fill();
    ink.lineWidth = 4;
    ink.strokeStyle = palette.land === PALETTES.day.land ? "#15181b" : "#edf1f5";
    ink.stroke();
  };

const halo =
  (palette: Palette): Over =>
  (ink) => {
    ink.beginPath();
    ink.arc(0, 0, 26, 0, 2 * Math.PI);
    ink.globalAlpha = 0.12;
    ink.fillStyle = palette.text;
    ink.fill();
    ink.globalAlpha = 1;
  };

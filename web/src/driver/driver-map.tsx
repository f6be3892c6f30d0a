/** The driver's map: the own car, kept in view, and the way it has to go. */

import { Marker } from "maplibre-gl";
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { ConfigReply, Place } from "../contracts/generated";
import { CityMap } from "../map/citymap";
import { motionMs } from "../map/motion";
import { PALETTES } from "../map/palette";
import { drawCar } from "../map/sprites";
import { driverStateOf, type Duty } from "../state/duty";
import type { Walk } from "../state/roadwalk";
import { useStore } from "../ui/store";
import { theme } from "../ui/theme";
import type { DriverSession } from "./session";

const FOLLOW_EVERY_MS = 500;
const CAR_PX = 56;

interface Props {
  session: DriverSession;
  config: ConfigReply;
}

export function DriverMap({ session, config }: Props): VNode {
  const holder = useRef<HTMLDivElement>(null);
  const [city, setCity] = useState<CityMap | null>(null);
  const duty = useStore(session.duty);
  const shade = useStore(theme);
  useEffect(() => {
    if (holder.current === null) return undefined;
    const at = session.whereabouts.fix(Date.now());
    const made = new CityMap(holder.current, config, theme.state, at === null ? { zoom: 15.5 } : { zoom: 15.5, centre: at });
    made.map.setPadding({ top: 90, bottom: Math.round(window.innerHeight * 0.3), left: 0, right: 0 });
    setCity(made);
    return () => {
      setCity(null);
      made.remove();
    };
  }, [config, session]);
  useEffect(() => {
    city?.setTheme(shade);
  }, [city, shade]);
  useCar(city, session, duty, shade);
  useGoal(city, duty);
  useWay(city, session, duty, shade);
  return <div class="map" ref={holder} role="application" aria-label="Map with your car" />;
}

/** The own car is drawn where it is now, not where it was reported last. */
function useCar(city: CityMap | null, session: DriverSession, duty: Duty, shade: string): void {
  useEffect(() => {
    if (city === null) return undefined;
    const element = document.createElement("div");
    element.className = "own-car";
    const canvas = carImage(driverStateOf(duty), city);
    element.append(canvas);
    const marker = new Marker({ element, rotationAlignment: "map" });
    let frame = 0;
    const onFrame = (): void => {
      frame = requestAnimationFrame(onFrame);
      const fix = session.whereabouts.fix(Date.now());
      if (fix === null) return;
      marker.setLngLat([fix.lon, fix.lat]);
      if (!marker.getElement().isConnected) marker.addTo(city.map);
      canvas.style.rotate = `${fix.bearing}deg`;
    };
    onFrame();
    const follow = window.setInterval(() => {
      keepInView(city, session);
    }, FOLLOW_EVERY_MS);
    return () => {
      cancelAnimationFrame(frame);
      window.clearInterval(follow);
      marker.remove();
    };
  }, [city, session, duty.kind, duty.kind === "assigned" ? duty.stage : "", shade]);
}

/** Move the map only when the car leaves the middle: a map that never rests cannot be read. */
function keepInView(city: CityMap, session: DriverSession): void {
  const fix = session.whereabouts.fix(Date.now());
  if (fix === null || city.map.isMoving()) return;
  const { x, y } = city.map.project([fix.lon, fix.lat]);
  const centre = city.map.project(city.map.getCenter());
  const { clientWidth, clientHeight } = city.container;
  if (Math.abs(x - centre.x) < clientWidth * 0.22 && Math.abs(y - centre.y) < clientHeight * 0.14) return;
  city.map.easeTo({ center: [fix.lon, fix.lat], duration: motionMs(900) });
}

function useGoal(city: CityMap | null, duty: Duty): void {
  const goal: Place | null =
    duty.kind === "offered" ? duty.fact.pickup : duty.kind === "assigned" ? (duty.stage === "on_trip" ? duty.fact.destination : duty.fact.pickup) : null;
  useEffect(() => {
    if (city === null || goal === null) return undefined;
    const element = document.createElement("div");
    element.className = `spot ${duty.kind === "assigned" && duty.stage === "on_trip" ? "destination" : "pickup"}`;
    const marker = new Marker({ element }).setLngLat([goal.lon, goal.lat]).addTo(city.map);
    return () => {
      marker.remove();
    };
  }, [city, goal]);
}

function useWay(city: CityMap | null, session: DriverSession, duty: Duty, shade: string): void {
  useEffect(() => {
    if (city === null) return undefined;
    let drawn: Walk["route"] | null = null;
    const draw = (): void => {
      const walk = duty.kind === "assigned" ? session.whereabouts.walk() : null;
      if (walk?.route === drawn) return;
      drawn = walk?.route ?? null;
      const color = PALETTES[city.theme].cars[driverStateOf(duty)] ?? "";
      city.draw(drawn === null ? [] : [{ line: drawn.line, color, width: 6 }]);
    };
    city.draw([]);
    draw();
    const timer = window.setInterval(draw, 500);
    return () => {
      window.clearInterval(timer);
    };
  }, [city, session, duty.kind, duty.kind === "assigned" ? duty.stage : "", shade]);
}

function carImage(look: number, city: CityMap): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  const ratio = Math.min(2, window.devicePixelRatio);
  canvas.width = canvas.height = CAR_PX * ratio;
  canvas.style.width = canvas.style.height = `${CAR_PX}px`;
  const ink = canvas.getContext("2d");
  if (ink === null) return canvas;
  ink.scale(ratio * 2, ratio * 2);
  ink.translate(CAR_PX / 4, CAR_PX / 4);
  drawCar(ink, look, 0, PALETTES[city.theme]);
  return canvas;
}

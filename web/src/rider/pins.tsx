/** The pin at the centre of the map, and above it how soon a car could be there. */

import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";

import type { CityMap } from "../map/citymap";
import { minutesOf } from "../ui/format";
import { useStore } from "../ui/store";
import { clearOf, type Choosing } from "./layout";
import type { RiderSession } from "./session";

interface Props {
  choosing: Choosing;
  session: RiderSession;
  city: CityMap | null;
}

export function CentrePin({ choosing, session, city }: Props): VNode {
  const nearby = useStore(session.nearby);
  const [isMoving, setMoving] = useState(false);
  useEffect(() => {
    if (city === null) return undefined;
    const lift = (): void => {
      setMoving(true);
    };
    const land = (): void => {
      setMoving(false);
    };
    city.map.on("movestart", lift);
    city.map.on("moveend", land);
    return () => {
      city.map.off("movestart", lift);
      city.map.off("moveend", land);
    };
  }, [city]);
  const { top, bottom, left, right } = clearOf();
  const place = {
    left: `calc(${left}px + (100% - ${left + right}px) / 2)`,
    top: `calc(${top}px + (100% - ${top + bottom}px) / 2)`,
  };
  const nearest = nearby.kind === "loaded" ? nearby.value.cars[0] : undefined;
  return (
    <div class={`centre-pin ${choosing} ${isMoving ? "moving" : ""}`} style={place} aria-hidden="true">
      <span class="label number">
        {choosing === "destination" && "Destination"}
        {choosing === "pickup" && nearest !== undefined && `${minutesOf(nearest.eta_s)} min away`}
        {choosing === "pickup" && nearest === undefined && (nearby.kind === "loaded" ? "No car free" : "Pickup")}
      </span>
      <span class="stem" />
      <span class="foot" />
    </div>
  );
}

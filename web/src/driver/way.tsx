/** While driving: the next street, large, and how far it is. */

import type { VNode } from "preact";

import type { Duty } from "../state/duty";
import { guidanceOf, isThere, leftM } from "../state/roadwalk";
import { distance } from "../ui/format";
import { useNow } from "../ui/store";
import type { DriverSession } from "./session";

interface Props {
  session: DriverSession;
  duty: Extract<Duty, { kind: "assigned" }>;
}

export function Way({ session, duty }: Props): VNode | null {
  useNow(500);
  const walk = session.whereabouts.walk();
  if (walk === null || duty.stage === "waiting") return null;
  if (isThere(walk)) {
    return (
      <section class="way panel" aria-live="polite">
        <p class="street">You are there</p>
      </section>
    );
  }
  const { street, next } = guidanceOf(walk);
  return (
    <section class="way panel" aria-live="polite">
      <p class="inM number">{distance(next?.inM ?? leftM(walk))}</p>
      <p class="street cut">{next?.street ?? (street === "" ? "Follow the road" : street)}</p>
      <p class="small soft number">{distance(leftM(walk))} left</p>
    </section>
  );
}

/** What lies where on the rider's page. */

/** What the pin at the centre of the map sets. */
export type Choosing = "pickup" | "destination";

/** Where panels cover the map: below on a phone, at the left on a desktop. */
export function clearOf(panelShare = 0.42): { top: number; bottom: number; left: number; right: number } {
  const isWide = window.innerWidth >= 820;
  return isWide
    ? { top: 60, bottom: 60, left: 460, right: 60 }
    : { top: 70, bottom: Math.round(window.innerHeight * panelShare) + 30, left: 44, right: 44 };
}

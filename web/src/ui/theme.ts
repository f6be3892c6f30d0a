/** Day or night: the page's own default until the person chooses. */

import { isString, remember, remembered } from "../browser/storage";
import type { Theme } from "../map/palette";
import { cell } from "./store";

const GROUND: Record<Theme, string> = { day: "#f1efe9", night: "#0d1115" };

export const theme = cell<Theme>("day");

/** `own`: what this page is when nobody chose; null: as the device is. */
export function startTheme(own: Theme | null): void {
  const chosen = remembered("theme", isString);
  const device = window.matchMedia("(prefers-color-scheme: dark)").matches ? "night" : "day";
  theme.subscribe(show);
  theme.tell(chosen === "day" || chosen === "night" ? chosen : (own ?? device));
  show(theme.state);
}

export function switchTheme(): void {
  const next = theme.state === "day" ? "night" : "day";
  remember("theme", next);
  theme.tell(next);
}

function show(name: Theme): void {
  document.documentElement.dataset["theme"] = name;
  document.querySelector('meta[name="theme-color"]')?.setAttribute("content", GROUND[name]);
}

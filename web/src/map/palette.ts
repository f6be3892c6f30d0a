/** Colours of the map, by theme. Roads and ground are neutral: colour is kept for states. */

export type Theme = "day" | "night";

export interface Palette {
  land: string;
  water: string;
  green: string;
  building: string;
  plaza: string;
  casing: string;
  /** Fill by road class: motorway .. service. */
  roads: readonly [string, string, string, string, string, string, string];
  path: string;
  arrow: string;
  text: string;
  halo: string;
  /** By what the car is doing: see `Look`. */
  cars: readonly string[];
  carEdge: string;
}

/** How a car looks: its state, or what we doubt about it. The index into `Palette.cars`. */
export const Look = { DARK: 0, OPEN: 1, OFFERED: 2, EN_ROUTE: 3, WAITING: 4, ON_TRIP: 5, SUSPECT: 6 } as const;
export const LOOKS = 7;

export const PALETTES: Record<Theme, Palette> = {
  day: {
    land: "#f1efe9",
    water: "#cbd8de",
    green: "#e1e7d8",
    building: "#e7e3da",
    plaza: "#eae7df",
    casing: "#d6d1c5",
    roads: ["#fdf9ef", "#fdf9ef", "#ffffff", "#ffffff", "#ffffff", "#ffffff", "#faf9f6"],
    path: "#d3cdc0",
    arrow: "#a39c8e",
    text: "#5f5a50",
    halo: "#fbfaf7",
    cars: ["#6b7280", "#0b8457", "#b25e00", "#0a6fd1", "#a32bb0", "#4338ca", "#c81e33"],
    carEdge: "#ffffff",
  },
  night: {
    land: "#0d1115",
    water: "#13202a",
    green: "#10171a",
    building: "#12171c",
    plaza: "#12171c",
    casing: "#090c0f",
    roads: ["#37424d", "#333d48", "#2d3640", "#283039", "#232b33", "#1d242b", "#171d23"],
    path: "#1a2026",
    arrow: "#515d69",
    text: "#8793a0",
    halo: "#0d1115",
    cars: ["#8b96a3", "#3ddc97", "#ffb547", "#56b4ff", "#e58bff", "#9a94ff", "#ff6673"],
    carEdge: "#0a0d10",
  },
};

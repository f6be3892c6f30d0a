/** Numbers and times for people. Pure; no number is ever shown as 0 that is not known. */

export const UNKNOWN = "–";

/** "now", "2 s ago", "4 min ago", "3 h ago". */
export function ago(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  if (seconds < 1) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ago`;
  return `${Math.floor(minutes / 60)} h ago`;
}

/** Whole minutes of a wait, never less than one: nobody is there in no time. */
export const minutesOf = (seconds: number): number => Math.max(1, Math.round(seconds / 60));

/** "48 s", "4 min", "4 min 20 s". */
export function span(seconds: number | null): string {
  if (seconds === null) return UNKNOWN;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const rest = whole % 60;
  return rest === 0 ? `${Math.floor(whole / 60)} min` : `${Math.floor(whole / 60)} min ${rest} s`;
}

/** "350 m", "2.4 km". */
export function distance(metres: number): string {
  if (metres < 1_000) return `${Math.max(10, Math.round(metres / 10) * 10)} m`;
  return `${(metres / 1000).toFixed(metres < 10_000 ? 1 : 0)} km`;
}

/** "12,345" in the reader's own way; "–" when not known. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? UNKNOWN : Math.round(value).toLocaleString("en");
}

/** "980", "12.4k", "3.1M": for places where width is dear. */
export function compact(value: number): string {
  if (value < 1_000) return String(Math.round(value));
  if (value < 1_000_000) return `${trimmed(value / 1_000)}k`;
  return `${trimmed(value / 1_000_000)}M`;
}

const trimmed = (value: number): string => (value < 100 ? value.toFixed(1) : Math.round(value).toString());

/** Milliseconds as "18" or "1,240"; "–" without a sample. */
export const milliseconds = (value: number | null | undefined): string =>
  value === null || value === undefined ? UNKNOWN : Math.round(value).toLocaleString("en");

export const clockTime = (ms: number): string =>
  new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const hourMinute = (ms: number): string =>
  new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

const WINDS = ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"] as const;

export const wind = (bearing: number): string => WINDS[Math.round(bearing / 45) % 8] ?? "north";

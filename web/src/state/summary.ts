/**
 * What the operator's page knows of the city over the last ten minutes: summaries come in once a
 * second, histories and rates per partition go out. Missing values stay missing (null).
 */

import type { Summary } from "../contracts/generated";

export const HISTORY_LENGTH = 600;

export const TRACKS = ["pings", "age", "waiting", "match", "audit"] as const;
export type Track = (typeof TRACKS)[number];

export interface CityLog {
  readonly latest: Summary | null;
  readonly receivedAtMs: number;
  readonly history: Readonly<Record<Track, readonly (number | null)[]>>;
  /** Records per second by topic and partition, smoothed. */
  readonly partitionRates: Readonly<Record<string, readonly number[]>>;
}

export const EMPTY_LOG: CityLog = {
  latest: null,
  receivedAtMs: 0,
  history: { pings: [], age: [], waiting: [], match: [], audit: [] },
  partitionRates: {},
};

/** Weight of the newest rate: about five seconds of memory. */
const RATE_WEIGHT = 0.3;

export function onSummary(log: CityLog, summary: Summary, nowMs: number): CityLog {
  const { history } = log;
  return {
    latest: summary,
    receivedAtMs: nowMs,
    history: {
      pings: pushed(history.pings, summary.pings_per_second),
      age: pushed(history.age, glassAge(summary)),
      waiting: pushed(history.waiting, ridesWaiting(summary)),
      match: pushed(history.match, summary.rides.match_p50_s),
      audit: pushed(history.audit, violations(summary)),
    },
    partitionRates: ratesOf(log, summary),
  };
}

function pushed(values: readonly (number | null)[], value: number | null): (number | null)[] {
  return [...values.slice(1 - HISTORY_LENGTH), value];
}

/** How old a place is when it reaches a matched rider, or where nobody is matched, a browsing one. */
export function glassAge(summary: Summary): number | null {
  return summary.ages["rider_matched"]?.p99 ?? summary.ages["rider_area"]?.p99 ?? null;
}

export const ridesWaiting = (summary: Summary): number =>
  (summary.rides.by_state["requested"] ?? 0) + (summary.rides.by_state["offered"] ?? 0);

/**
 * What is wrong whoever sent what. Missing and repeated sequence numbers are not in it: a phone
 * that skips or repeats one looks the same in the log, and the backlog lane may still fill gaps.
 */
export const violations = (summary: Summary): number => summary.audit.double_assigned;

function ratesOf(log: CityLog, summary: Summary): Record<string, number[]> {
  const seconds = log.latest === null ? 0 : (summary.at_ms - log.latest.at_ms) / 1000;
  const rates: Record<string, number[]> = {};
  for (const line of summary.topics) {
    const before = log.latest?.topics.find((each) => each.topic === line.topic)?.end_offsets;
    const known = log.partitionRates[line.topic];
    rates[line.topic] = line.end_offsets.map((end, partition) => {
      const start = before?.[partition];
      const old = known?.[partition];
      if (start === undefined || seconds <= 0) return old ?? 0;
      const rate = Math.max(0, end - start) / seconds;
      return old === undefined ? rate : old + (rate - old) * RATE_WEIGHT;
    });
  }
  return rates;
}

export const totalLag = (lags: Readonly<Record<string, number>>): number =>
  Object.values(lags).reduce((sum, lag) => sum + lag, 0);

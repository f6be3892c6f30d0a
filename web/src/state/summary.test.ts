import { describe, expect, it } from "vitest";

import type { Summary } from "../contracts/generated";
import { EMPTY_LOG, HISTORY_LENGTH, onSummary, violations, type CityLog } from "./summary";

const none = { p50: null, p99: null, run_p50: null, run_p99: null, samples: 0 };

function summary(atS: number, over: Partial<Summary> = {}): Summary {
  return {
    at_ms: atS * 1000,
    pings_per_second: 30_000,
    pings_in_log: 0,
    filtered: {},
    drivers_seen: 0,
    drivers_by_state: {},
    drivers_dark: 0,
    ages: { rider_matched: none, rider_area: { ...none, p99: 210 } },
    rides: {
      by_state: { requested: 3, offered: 2, en_route: 9 },
      requested: 0,
      matched: 0,
      completed: 0,
      cancelled: 0,
      unmatched: 0,
      match_p50_s: null,
      match_p90_s: null,
    },
    eta: { scored: 0, mae_s: null, p90_coverage: null },
    audit: {
      pings_checked: 0,
      missing: 7,
      repeated: 0,
      disordered: 0,
      double_assigned: 0,
      rides_checked: 0,
      checked_until_ms: 0,
    },
    topics: [],
    processes: [],
    ...over,
  };
}

const topic = (ends: number[]): Partial<Summary> => ({
  topics: [{ topic: "driver.pings", partitions: ends.length, records_per_second: 0, end_offsets: ends, lag_records: {} }],
});

describe("the city's log of summaries", () => {
  it("keeps what is not known as not known", () => {
    const log = onSummary(EMPTY_LOG, summary(1), 0);
    expect(log.history.match).toEqual([null]);
    expect(log.history.age).toEqual([210]);
    expect(log.history.waiting).toEqual([5]);
  });

  it("keeps ten minutes", () => {
    let log: CityLog = EMPTY_LOG;
    for (let second = 0; second < HISTORY_LENGTH + 5; second += 1) log = onSummary(log, summary(second), 0);
    expect(log.history.pings).toHaveLength(HISTORY_LENGTH);
  });

  it("finds the rate of each partition from two summaries, whatever the time between", () => {
    let log = onSummary(EMPTY_LOG, summary(10, topic([100, 0])), 0);
    log = onSummary(log, summary(12, topic([300, 0])), 0);
    expect(log.partitionRates["driver.pings"]).toEqual([30, 0]);
  });

  it("survives a log that started anew", () => {
    let log = onSummary(EMPTY_LOG, summary(10, topic([500])), 0);
    log = onSummary(log, summary(11, topic([20])), 0);
    expect(log.partitionRates["driver.pings"]).toEqual([0]);
  });

  it("counts as violations only what no phone can cause", () => {
    expect(violations(summary(1))).toBe(0);
    const bad = summary(1);
    expect(violations({ ...bad, audit: { ...bad.audit, double_assigned: 2, repeated: 1 } })).toBe(2);
  });
});

/** A ride's story, read for people. */

import type { DispatchDecision, RideEvent, RideFact, RideStory } from "../contracts/generated";

export const latestOf = (story: RideStory): RideFact | null => story.facts.at(-1) ?? null;

/** The newest decision that chose somebody, else the newest. */
export const decisionOf = (story: RideStory): DispatchDecision | null =>
  story.decisions.findLast((decision) => decision.chosen !== null && decision.chosen !== undefined) ??
  story.decisions.at(-1) ??
  null;

export const EVENT_WORDS: Record<RideEvent, string> = {
  request_made: "Requested",
  offer_sent: "Offer sent",
  offer_lapsed: "Offer lapsed",
  offer_declined: "Offer declined",
  offer_accepted: "Offer accepted",
  driver_arrived: "Driver arrived",
  rider_boarded: "Rider boarded",
  rider_dropped: "Rider dropped",
  ride_cancelled: "Cancelled",
  driver_lost: "Driver lost",
  search_ended: "Search ended",
};

/** The colour token of the state that a fact led to. */
export const TOKENS: Record<RideFact["state"], string> = {
  requested: "ink-faint",
  offered: "offered",
  en_route: "en-route",
  waiting: "waiting",
  on_trip: "on-trip",
  completed: "ink",
  cancelled: "alarm",
  unmatched: "alarm",
};

export const words = (name: string): string => name.replaceAll("_", " ");

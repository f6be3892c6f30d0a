/**
 * Where the driver is: from the phone's own receiver, or driven in thought along real routes.
 */

import { fetchRoute } from "../browser/http";
import type { ConfigReply, Place } from "../contracts/generated";
import { isThere, spotOf, startWalk, usualSpeed, walked, type Spot, type Walk } from "../state/roadwalk";

export type Source = "simulated" | "phone";

export interface Fix extends Spot {
  fixMs: number;
  /** Metres per second; null: not known. */
  speed: number | null;
  hasBearing: boolean;
  accuracy: number;
}

/** What the car is doing now, asked once a second and by the map on every frame. */
export interface Whereabouts {
  fix(nowMs: number): Fix | null;
  walk(): Walk | null;
  stop(): void;
}

/** Route to this place; null: stand still. "roam": anywhere. */
export type Goal = Place | "roam" | null;

const ROAM_SHARE = 0.3;
const RETRY_MS = 3_000;

export class SimulatedWhereabouts implements Whereabouts {
  speedFactor = 1;
  /** What kept the last route from coming. */
  trouble: string | null = null;
  private current: Walk | null = null;
  private steppedMs: number;
  private goal: Goal = null;
  private asking = 0;
  private retry: number | undefined;

  constructor(
    private readonly config: ConfigReply,
    private here: Spot,
    nowMs: number,
  ) {
    this.steppedMs = nowMs;
  }

  head(goal: Goal): void {
    this.goal = goal;
    this.current = null;
    if (goal === null) window.clearTimeout(this.retry);
    else void this.askRoute();
  }

  fix(nowMs: number): Fix {
    const elapsed = Math.min(5, Math.max(0, nowMs - this.steppedMs) / 1000);
    this.steppedMs = nowMs;
    const walk = this.current;
    const isMoving = walk !== null && !isThere(walk);
    const speed = isMoving ? usualSpeed(walk) * this.speedFactor : 0;
    if (isMoving) {
      this.current = walked(walk, speed * elapsed);
      this.here = spotOf(this.current) ?? this.here;
      if (isThere(this.current) && this.goal === "roam") void this.askRoute();
    }
    return { ...this.here, fixMs: nowMs, speed, hasBearing: true, accuracy: 4 };
  }

  walk(): Walk | null {
    return this.current;
  }

  stop(): void {
    this.head(null);
  }

  private async askRoute(): Promise<void> {
    this.asking += 1;
    const asked = this.asking;
    window.clearTimeout(this.retry);
    const goal = this.goal === "roam" ? this.somewhere() : this.goal;
    if (goal === null) return;
    try {
      const route = await fetchRoute(this.here, goal);
      if (asked !== this.asking) return;
      this.trouble = null;
      this.current = startWalk(route);
      this.here = spotOf(this.current) ?? this.here;
    } catch (error) {
      this.trouble = error instanceof Error ? error.message : "No route came";
      if (asked === this.asking) this.retry = window.setTimeout(() => void this.askRoute(), RETRY_MS);
    }
  }

  private somewhere(): Place {
    const [south, west, north, east] = this.config.bounds;
    const [lat, lon] = this.config.centre;
    return {
      lat: lat + (Math.random() - 0.5) * 2 * ROAM_SHARE * (north - south),
      lon: lon + (Math.random() - 0.5) * 2 * ROAM_SHARE * (east - west),
    };
  }
}

export class PhoneWhereabouts implements Whereabouts {
  private latest: Fix | null = null;
  private readonly watch: number;

  constructor(onTrouble: (message: string | null) => void) {
    this.watch = navigator.geolocation.watchPosition(
      ({ coords, timestamp }) => {
        onTrouble(null);
        this.latest = {
          lat: coords.latitude,
          lon: coords.longitude,
          fixMs: timestamp,
          speed: coords.speed,
          bearing: coords.heading ?? 0,
          hasBearing: coords.heading !== null && !Number.isNaN(coords.heading),
          accuracy: coords.accuracy,
        };
      },
      (error) => {
        onTrouble(error.code === error.PERMISSION_DENIED ? "This page may not use your location. Allow it, or drive simulated." : "No location fix yet.");
      },
      { enableHighAccuracy: true, maximumAge: 0 },
    );
  }

  fix(): Fix | null {
    return this.latest;
  }

  walk(): Walk | null {
    return null;
  }

  stop(): void {
    navigator.geolocation.clearWatch(this.watch);
  }
}

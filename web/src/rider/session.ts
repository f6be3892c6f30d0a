/**
 * A rider's session: who the rider is, the push session, and what was learnt from it.
 * Holds the stores that the page shows; the decisions are in state/ride.ts.
 */

import { askRide, cancelRide, fetchEta, fetchNearby, fetchRide, fetchRoute, fetchToken, messageOf } from "../browser/http";
import { isString, remember, remembered } from "../browser/storage";
import { browserWorld } from "../browser/world";
import { CloseCode, PushKind, type ConfigReply, type NearbyReply, type Place, type WatchDown, type WatchUp } from "../contracts/generated";
import { IDLE, type ConnectionState } from "../realtime/connection";
import { Link } from "../realtime/link";
import { readPushFrame } from "../realtime/pushframes";
import { onServerTime, toLocalMs, UNHEARD, type ServerClock } from "../realtime/serverclock";
import { CarTable } from "../state/cars";
import { isOver, onRider, rideStateOf, START, type Loading, type RideView, type RiderEvent, type RiderFlow } from "../state/ride";
import { cell, Store } from "../ui/store";

const RIDE_KEY = "rider.ride";

export interface Area {
  south: number;
  west: number;
  north: number;
  east: number;
}

const isRideView = (value: unknown): value is RideView =>
  typeof value === "object" && value !== null && "ride" in value && "facts" in value && Array.isArray(value.facts);

/** Twenty characters of base 32 after an "r": the id is ours, so asking twice asks once. */
function newRideId(): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  const bytes = crypto.getRandomValues(new Uint8Array(20));
  return `r${[...bytes].map((byte) => alphabet[byte % 32] ?? "a").join("")}`;
}

function riderId(): string {
  const known = remembered("rider.id", isString);
  if (known !== null) return known;
  const made = `web-${newRideId().slice(1, 11)}`;
  remember("rider.id", made);
  return made;
}

export class RiderSession {
  readonly flow = new Store<RiderFlow, RiderEvent>(onRider, START);
  readonly connection = cell<ConnectionState>(IDLE);
  readonly nearby = cell<Loading<NearbyReply>>({ kind: "loading" });
  /** Age of the newest position that fan-out has read; null: not told yet. */
  readonly positionsAgeMs = cell<number | null>(null);
  /** What is under the pin. */
  readonly centre = cell<Place | null>(null);
  readonly problem = cell<string | null>(null);
  readonly area = new CarTable();
  readonly matched = new CarTable();
  clock: ServerClock = UNHEARD;
  private readonly link: Link;
  private token = "";
  private watched: Area | null = null;
  private watchedRide: string | null = null;

  constructor(config: ConfigReply) {
    this.link = new Link(config.fanout_url, browserWorld, {
      onOpen: () => {
        this.greet();
      },
      onText: (text) => {
        this.onMessage(JSON.parse(text) as WatchDown);
      },
      onBytes: (bytes) => {
        this.onFrame(bytes);
      },
      onState: (state) => {
        this.onConnection(state);
      },
    });
    this.flow.subscribe((flow) => {
      this.onFlow(flow);
    });
    const kept = remembered(RIDE_KEY, isRideView);
    if (kept !== null) this.flow.tell({ kind: "resumed", view: { ...kept, cancelling: false } });
    window.addEventListener("online", this.onOnline);
    void this.signIn();
  }

  stop(): void {
    window.removeEventListener("online", this.onOnline);
    this.link.stop();
  }

  watchArea(area: Area | null): void {
    this.watched = area;
    this.sendArea();
  }

  async lookNearby(at: Place, signal: AbortSignal): Promise<void> {
    try {
      this.nearby.tell({ kind: "loaded", value: await fetchNearby(at, 6, signal) });
    } catch (error) {
      if (!signal.aborted) this.nearby.tell({ kind: "failed", message: messageOf(error) });
    }
  }

  /** Route and waits of the confirmation. */
  async price(pickup: Place, destination: Place): Promise<void> {
    const route = fetchRoute(pickup, destination).then(
      (value) => {
        this.flow.tell({ kind: "route_came", route: { kind: "loaded", value } });
      },
      (error: unknown) => {
        this.flow.tell({ kind: "route_came", route: { kind: "failed", message: messageOf(error) } });
      },
    );
    try {
      const nearest = (await fetchNearby(pickup, 1)).cars[0];
      const value = nearest === undefined ? null : await fetchEta(nearest, pickup);
      this.flow.tell({ kind: "wait_came", wait: { kind: "loaded", value } });
    } catch (error) {
      this.flow.tell({ kind: "wait_came", wait: { kind: "failed", message: messageOf(error) } });
    }
    await route;
  }

  async ask(): Promise<void> {
    const flow = this.flow.state;
    if (flow.step !== "confirm" || flow.asking) return;
    this.flow.tell({ kind: "asked" });
    try {
      const reply = await askRide(this.token, newRideId(), flow.pickup, flow.destination);
      this.flow.tell({ kind: "ask_taken", ride: reply.ride });
    } catch (error) {
      this.flow.tell({ kind: "ask_failed", message: messageOf(error) });
    }
  }

  async cancel(): Promise<void> {
    const flow = this.flow.state;
    if (flow.step !== "ride") return;
    this.flow.tell({ kind: "cancel_asked" });
    try {
      await cancelRide(this.token, flow.view.ride);
    } catch (error) {
      this.flow.tell({ kind: "cancel_failed" });
      this.problem.tell(messageOf(error));
    }
  }

  private readonly onOnline = (): void => {
    this.link.networkReturned();
  };

  private async signIn(): Promise<void> {
    try {
      this.token = (await fetchToken("rider", riderId())).token;
      this.link.start();
      await this.catchUp();
    } catch (error) {
      this.problem.tell(messageOf(error));
      window.setTimeout(() => void this.signIn(), 3_000);
    }
  }

  /** A ride that went on while the page was closed: what it is now, by HTTP. */
  private async catchUp(): Promise<void> {
    this.problem.tell(null);
    const flow = this.flow.state;
    if (flow.step !== "ride") return;
    const reply = await fetchRide(this.token, flow.view.ride).catch(() => null);
    if (reply?.fact) this.flow.tell({ kind: "fact_came", fact: reply.fact, resume: null });
  }

  private greet(): void {
    this.say({ type: "hello", token: this.token });
    this.watchedRide = null;
    this.sendArea();
    this.sendRide();
  }

  private say(message: WatchUp): boolean {
    return this.link.send(JSON.stringify(message));
  }

  private sendArea(): void {
    if (this.watched === null) {
      this.say({ type: "unwatch_area" });
      this.area.clear();
    } else {
      this.say({ type: "watch_area", ...this.watched });
    }
  }

  private sendRide(): void {
    const flow = this.flow.state;
    const ride = flow.step === "ride" && !isOver(rideStateOf(flow.view)) ? flow.view : null;
    if (ride === null) this.watchedRide = null;
    if (ride === null || ride.ride === this.watchedRide) return;
    const sent = this.say(
      ride.resume === null
        ? { type: "watch_ride", ride: ride.ride }
        : { type: "watch_ride", ride: ride.ride, resume: ride.resume },
    );
    if (sent) this.watchedRide = ride.ride;
  }

  private onFlow(flow: RiderFlow): void {
    if (flow.step !== "ride") this.matched.clear();
    remember(RIDE_KEY, flow.step === "ride" ? flow.view : null);
    this.sendRide();
  }

  private onConnection(state: ConnectionState): void {
    this.connection.tell(state);
    if (state.kind !== "refused" || state.code !== CloseCode.BAD_TOKEN) return;
    this.link.stop();
    void this.signIn();
  }

  private onMessage(message: WatchDown): void {
    switch (message.type) {
      case "welcome":
        this.link.promise(message.heartbeat_ms);
        this.clock = onServerTime(this.clock, message.server_ms, Date.now());
        return;
      case "beat":
        this.clock = onServerTime(this.clock, message.server_ms, Date.now());
        this.positionsAgeMs.tell(message.positions_age_ms);
        return;
      case "ride":
        this.flow.tell({ kind: "fact_came", fact: message.fact, resume: message.resume });
        return;
      case "eta":
        this.flow.tell({ kind: "eta_came", eta: message });
        return;
      case "error":
        this.problem.tell(message.message);
        return;
    }
  }

  private onFrame(bytes: ArrayBuffer): void {
    const reading = readPushFrame(bytes);
    if (reading.kind === "unreadable") {
      this.problem.tell(`Reload this page: it is older than the service (${reading.why}).`);
      return;
    }
    const { frame } = reading;
    const now = Date.now();
    this.clock = onServerTime(this.clock, frame.baseMs, now);
    this.positionsAgeMs.tell(frame.newestLagMs);
    const table = frame.kind === PushKind.MATCHED ? this.matched : this.area;
    table.apply(frame, now, toLocalMs(this.clock, frame.baseMs));
  }
}

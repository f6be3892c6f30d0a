/**
 * A driver's session: the phone's stream of pings, what the log acknowledged, offers and rides.
 * Decisions are in state/duty.ts and state/outbox.ts; this moves bytes and time.
 */

import { fetchToken, messageOf } from "../browser/http";
import { isNumber, remember, remembered } from "../browser/storage";
import { browserWorld, socketUrl } from "../browser/world";
import { CloseCode, type ConfigReply, type Downward, type Place, type Upward } from "../contracts/generated";
import { IDLE, type ConnectionState } from "../realtime/connection";
import { Link } from "../realtime/link";
import { packPings, readAck, type Ping } from "../realtime/pingframes";
import { onServerTime, toServerMs, UNHEARD, type ServerClock } from "../realtime/serverclock";
import { driverStateOf, OFF, onDuty, type Action, type Duty, type DutyEvent } from "../state/duty";
import { emptyOutbox, nextFrame, onAcknowledged, onFix, onSocketLost, unacknowledged, type Outbox } from "../state/outbox";
import { cell, Store } from "../ui/store";
import { PhoneWhereabouts, SimulatedWhereabouts, type Goal, type Source, type Whereabouts } from "./whereabouts";

export const DRIVERS_FROM = 9_000_000_001;
const DRIVERS_COUNT = 999;
/** How many unsent pings survive a reload: five minutes of them. */
const KEPT_PINGS_MAX = 300;

interface Kept {
  next: number;
  pending: Ping[];
  at: { lat: number; lon: number; bearing: number } | null;
}

const isKept = (value: unknown): value is Kept =>
  typeof value === "object" && value !== null && "next" in value && "pending" in value && Array.isArray(value.pending);

export class DriverSession {
  readonly duty = new Store<Duty, DutyEvent>(onDuty, OFF);
  readonly connection = cell<ConnectionState>(IDLE);
  readonly box: Store<Outbox, Outbox>;
  readonly problem = cell<string | null>(null);
  readonly reportMs = cell(1_000);
  readonly driver: number;
  source: Source = "simulated";
  whereabouts: Whereabouts;
  clock: ServerClock = UNHEARD;
  private readonly link: Link;
  private token = "";
  private timer: number | undefined;
  private lastFixMs = 0;
  private goalKey = "";

  constructor(private readonly config: ConfigReply) {
    const known = remembered("driver.number", isNumber);
    this.driver = known ?? DRIVERS_FROM + Math.floor(Math.random() * DRIVERS_COUNT);
    remember("driver.number", this.driver);
    const kept = remembered(this.key, isKept);
    this.box = cell(emptyOutbox(kept?.next ?? 1, kept?.pending ?? []));
    this.whereabouts = new SimulatedWhereabouts(config, kept?.at ?? this.start(), Date.now());
    this.link = new Link(socketUrl(`v1/drivers/${this.driver}/stream`), browserWorld, {
      onOpen: () => {
        this.say({ type: "hello", token: this.token });
      },
      onText: (text) => {
        this.onMessage(JSON.parse(text) as Downward);
      },
      onBytes: (bytes) => {
        this.onAck(bytes);
      },
      onState: (state) => {
        this.onConnection(state);
      },
    });
    window.addEventListener("online", this.onOnline);
    window.addEventListener("pagehide", this.keep);
  }

  stop(): void {
    window.removeEventListener("online", this.onOnline);
    window.removeEventListener("pagehide", this.keep);
    this.keep();
    window.clearInterval(this.timer);
    this.whereabouts.stop();
    this.link.stop();
  }

  async goOnline(): Promise<void> {
    this.problem.tell(null);
    try {
      this.token = (await fetchToken("driver", String(this.driver))).token;
    } catch (error) {
      this.problem.tell(messageOf(error));
      return;
    }
    this.duty.tell({ kind: "switched_on" });
    this.link.start();
    window.clearInterval(this.timer);
    this.timer = window.setInterval(this.onSecond, this.reportMs.state);
    this.onSecond();
  }

  goOffline(): void {
    this.duty.tell({ kind: "switched_off" });
    if (this.duty.state.kind !== "off") return;
    // One last ping says that this driver is offline: silence alone would say "lost".
    this.onSecond();
    window.clearInterval(this.timer);
    this.head(null);
    this.link.stop();
    this.keep();
  }

  use(source: Source): void {
    if (source === this.source) return;
    this.source = source;
    const at = this.whereabouts.fix(Date.now());
    this.whereabouts.stop();
    this.goalKey = "";
    this.whereabouts =
      source === "phone"
        ? new PhoneWhereabouts((message) => {
            this.problem.tell(message);
          })
        : new SimulatedWhereabouts(this.config, at ?? this.start(), Date.now());
    this.steer();
  }

  act(action: Action): void {
    const duty = this.duty.state;
    if (duty.kind !== "offered" && duty.kind !== "assigned") return;
    const { ride, offer } = duty.fact;
    const message: Upward = { type: "action", kind: action, driver: this.driver, ride };
    if (this.say(offer === undefined ? message : { ...message, offer })) this.duty.tell({ kind: "acted", action });
    else this.problem.tell("Not connected: nothing was sent. Try again when the connection is back.");
  }

  private get key(): string {
    return `driver.${this.driver}`;
  }

  private start(): { lat: number; lon: number; bearing: number } {
    const [lat, lon] = this.config.centre;
    return { lat: lat + (Math.random() - 0.5) * 0.02, lon: lon + (Math.random() - 0.5) * 0.03, bearing: 0 };
  }

  private readonly onOnline = (): void => {
    this.link.networkReturned();
  };

  private readonly keep = (): void => {
    const fix = this.whereabouts.fix(Date.now());
    const at = fix === null ? null : { lat: fix.lat, lon: fix.lon, bearing: fix.bearing };
    const pending = unacknowledged(this.box.state).slice(-KEPT_PINGS_MAX);
    remember(this.key, { next: this.box.state.nextSequence, pending, at } satisfies Kept);
  };

  private readonly onSecond = (): void => {
    const now = Date.now();
    this.duty.tell({ kind: "passed", serverMs: toServerMs(this.clock, now) });
    this.steer();
    const fix = this.whereabouts.fix(now);
    if (fix !== null && fix.fixMs > this.lastFixMs) {
      this.lastFixMs = fix.fixMs;
      const { lat, lon, fixMs, speed, accuracy } = fix;
      const bearing = fix.hasBearing ? fix.bearing : null;
      const state = driverStateOf(this.duty.state);
      this.box.tell(onFix(this.box.state, { state, fixMs, lat, lon, speed, bearing, accuracy, mocked: false }));
    }
    this.pump();
    this.keep();
  };

  private pump(): void {
    if (this.connection.state.kind !== "live" || !this.link.isOpen) return;
    for (let next = nextFrame(this.box.state); next !== null; next = nextFrame(this.box.state)) {
      if (!this.link.send(packPings(this.driver, next.pings, next.backlog))) return;
      this.box.tell(next.box);
    }
  }

  /** A simulated car goes where its duty sends it. */
  private steer(): void {
    const duty = this.duty.state;
    const goal: Goal = duty.kind === "open" || duty.kind === "offered" ? "roam" : duty.kind === "off" ? null : goalOf(duty);
    this.head(goal);
  }

  private head(goal: Goal): void {
    const key = JSON.stringify(goal);
    if (key === this.goalKey || !(this.whereabouts instanceof SimulatedWhereabouts)) return;
    this.goalKey = key;
    this.whereabouts.head(goal);
  }

  private say(message: Upward): boolean {
    return this.link.send(JSON.stringify(message));
  }

  private onAck(bytes: ArrayBuffer): void {
    const ack = readAck(bytes);
    if (ack === null) return;
    this.box.tell(onAcknowledged(this.box.state, ack.frames));
    this.pump();
  }

  private onConnection(state: ConnectionState): void {
    const before = this.connection.state.kind;
    this.connection.tell(state);
    if (before === "live" || before === "stale") {
      if (state.kind !== "live" && state.kind !== "stale") this.box.tell(onSocketLost(this.box.state));
    }
    if (state.kind !== "refused") return;
    this.link.stop();
    if (state.code === CloseCode.BAD_TOKEN) void this.goOnline();
    else this.problem.tell(state.reason || `The service closed this stream (${state.code}).`);
  }

  private onMessage(message: Downward): void {
    switch (message.type) {
      case "welcome":
        this.clock = onServerTime(this.clock, message.server_ms, Date.now());
        this.reportMs.tell(message.report_ms ?? 1_000);
        this.pump();
        return;
      case "offer":
      case "ride":
        this.duty.tell({ kind: "told", fact: message.fact, driver: this.driver });
        this.steer();
        return;
      case "rejected":
        this.problem.tell(`${message.count} pings were refused: ${message.reason.replaceAll("_", " ")}.`);
        return;
      case "error":
        this.problem.tell(message.message);
        return;
    }
  }
}

function goalOf(duty: Extract<Duty, { kind: "assigned" }>): Place | null {
  switch (duty.stage) {
    case "en_route":
      return duty.fact.pickup;
    case "waiting":
      return null;
    case "on_trip":
      return duty.fact.destination;
  }
}

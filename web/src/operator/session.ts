/**
 * The operator's session: the live socket of ops, the city's cars, and what is selected.
 */

import { call, messageOf } from "../browser/http";
import { browserWorld } from "../browser/world";
import type { ConfigReply, DriverReply, DriversReply, RideStory, RidesReply, Summary } from "../contracts/generated";
import { IDLE, type ConnectionState } from "../realtime/connection";
import { Link } from "../realtime/link";
import { readPushFrame } from "../realtime/pushframes";
import { onServerTime, toLocalMs, UNHEARD, type ServerClock } from "../realtime/serverclock";
import { CarTable } from "../state/cars";
import type { Loading } from "../state/ride";
import { EMPTY_LOG, onSummary, type CityLog } from "../state/summary";
import { cell, Store } from "../ui/store";

export type Selection =
  | { kind: "driver"; id: number; reply: Loading<DriverReply> }
  | { kind: "ride"; id: string; reply: Loading<RideStory> };

const RENEW_MS = 2_000;

export class OperatorSession {
  readonly connection = cell<ConnectionState>(IDLE);
  readonly log = new Store<CityLog, Summary>((log, summary) => onSummary(log, summary, Date.now()), EMPTY_LOG);
  readonly selection = cell<Selection | null>(null);
  readonly problem = cell<string | null>(null);
  readonly cars = new CarTable();
  clock: ServerClock = UNHEARD;
  private readonly link: Link;
  private readonly renewal: number;
  private isFirstFrame = true;

  constructor(private readonly config: ConfigReply) {
    const url = `${config.ops_url.replace(/^http/, "ws")}/v1/ops/live`;
    this.link = new Link(url, browserWorld, {
      onOpen: () => {
        this.isFirstFrame = true;
      },
      onText: (text) => {
        this.onSummary(JSON.parse(text) as Summary);
      },
      onBytes: (bytes) => {
        this.onFrame(bytes);
      },
      onState: this.connection.tell,
    });
    this.link.start();
    this.renewal = window.setInterval(() => void this.renew(), RENEW_MS);
  }

  stop(): void {
    window.clearInterval(this.renewal);
    this.link.stop();
  }

  selectDriver(id: number): void {
    this.selection.tell({ kind: "driver", id, reply: { kind: "loading" } });
    void this.renew();
  }

  selectRide(id: string): void {
    this.selection.tell({ kind: "ride", id, reply: { kind: "loading" } });
    void this.renew();
  }

  async drivers(digits: string): Promise<number[]> {
    return (await call<DriversReply>(this.at(`v1/drivers?search=${digits}`))).drivers;
  }

  async rides(state: string | null): Promise<RidesReply["rides"]> {
    const query = state === null ? "limit=40" : `state=${state}&limit=40`;
    return (await call<RidesReply>(this.at(`v1/rides?${query}`))).rides;
  }

  private at(path: string): string {
    return `${this.config.ops_url}/${path}`;
  }

  private async renew(): Promise<void> {
    const asked = this.selection.state;
    if (asked === null) return;
    const next = asked.kind === "driver" ? await this.readDriver(asked.id) : await this.readRide(asked.id);
    const now = this.selection.state;
    if (now?.kind !== asked.kind || now.id !== asked.id) return;
    // A renewal that fails leaves what is known on the page.
    if (next.reply.kind === "failed" && now.reply.kind === "loaded") return;
    this.selection.tell(next);
  }

  private async readDriver(id: number): Promise<Selection> {
    try {
      return { kind: "driver", id, reply: { kind: "loaded", value: await call<DriverReply>(this.at(`v1/drivers/${id}`)) } };
    } catch (error) {
      return { kind: "driver", id, reply: { kind: "failed", message: messageOf(error) } };
    }
  }

  private async readRide(id: string): Promise<Selection> {
    try {
      const path = `v1/rides/${encodeURIComponent(id)}`;
      return { kind: "ride", id, reply: { kind: "loaded", value: await call<RideStory>(this.at(path)) } };
    } catch (error) {
      return { kind: "ride", id, reply: { kind: "failed", message: messageOf(error) } };
    }
  }

  private onSummary(summary: Summary): void {
    this.clock = onServerTime(this.clock, summary.at_ms, Date.now());
    this.log.tell(summary);
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
    this.cars.apply(frame, now, toLocalMs(this.clock, frame.baseMs), this.isFirstFrame);
    this.isFirstFrame = false;
  }
}

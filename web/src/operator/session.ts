/**
 * The operator's session: the live socket of ops, the city's cars, and what is selected.
 */

import { call, messageOf } from "../browser/http";
import { OpsLink } from "../browser/opslink";
import type { ConfigReply, DriverReply, DriversReply, RideStory, RidesReply, Summary } from "../contracts/generated";
import { IDLE, type ConnectionState } from "../realtime/connection";
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
  private readonly ops: OpsLink;
  private readonly renewal: number;

  constructor(private readonly config: ConfigReply) {
    this.ops = new OpsLink(config, this.cars, {
      onSummary: this.log.tell,
      onState: this.connection.tell,
      onProblem: this.problem.tell,
    });
    this.renewal = window.setInterval(() => void this.renew(), RENEW_MS);
  }

  stop(): void {
    window.clearInterval(this.renewal);
    this.ops.stop();
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
    return (await this.read<DriversReply>(`v1/drivers?search=${digits}`)).drivers;
  }

  async rides(state: string | null): Promise<RidesReply["rides"]> {
    const query = state === null ? "limit=40" : `state=${state}&limit=40`;
    return (await this.read<RidesReply>(`v1/rides?${query}`)).rides;
  }

  private async read<T>(path: string): Promise<T> {
    await this.ops.signedIn;
    return call<T>(`${this.config.ops_url}/${path}`, { token: this.ops.token });
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
      return { kind: "driver", id, reply: { kind: "loaded", value: await this.read<DriverReply>(`v1/drivers/${id}`) } };
    } catch (error) {
      return { kind: "driver", id, reply: { kind: "failed", message: messageOf(error) } };
    }
  }

  private async readRide(id: string): Promise<Selection> {
    try {
      const path = `v1/rides/${encodeURIComponent(id)}`;
      return { kind: "ride", id, reply: { kind: "loaded", value: await this.read<RideStory>(path) } };
    } catch (error) {
      return { kind: "ride", id, reply: { kind: "failed", message: messageOf(error) } };
    }
  }
}

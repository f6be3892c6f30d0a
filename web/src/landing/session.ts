/** The city in passing: ops' live socket and the roads under it. */

import { browserWorld } from "../browser/world";
import type { ConfigReply, Summary } from "../contracts/generated";
import { roadsOf, type RoadLine } from "../map/miniature";
import { IDLE, type ConnectionState } from "../realtime/connection";
import { Link } from "../realtime/link";
import { readPushFrame } from "../realtime/pushframes";
import { onServerTime, toLocalMs, UNHEARD, type ServerClock } from "../realtime/serverclock";
import { CarTable } from "../state/cars";
import { cell } from "../ui/store";

export class LandingSession {
  readonly connection = cell<ConnectionState>(IDLE);
  readonly latest = cell<Summary | null>(null);
  readonly roads = cell<readonly RoadLine[] | null>(null);
  readonly cars = new CarTable();
  private clock: ServerClock = UNHEARD;
  private readonly link: Link;
  private isFirstFrame = true;

  constructor(config: ConfigReply) {
    this.link = new Link(`${config.ops_url.replace(/^http/, "ws")}/v1/ops/live`, browserWorld, {
      onOpen: () => {
        this.isFirstFrame = true;
      },
      onText: (text) => {
        this.latest.tell(JSON.parse(text) as Summary);
      },
      onBytes: (bytes) => {
        this.onFrame(bytes);
      },
      onState: this.connection.tell,
    });
    this.link.start();
    void this.readRoads(config.basemap_url);
  }

  stop(): void {
    this.link.stop();
  }

  private onFrame(bytes: ArrayBuffer): void {
    const reading = readPushFrame(bytes);
    if (reading.kind === "unreadable") return;
    const now = Date.now();
    this.clock = onServerTime(this.clock, reading.frame.baseMs, now);
    this.cars.apply(reading.frame, now, toLocalMs(this.clock, reading.frame.baseMs), this.isFirstFrame);
    this.isFirstFrame = false;
  }

  /** Without roads the cars alone draw the city. */
  private async readRoads(url: string): Promise<void> {
    try {
      const response = await fetch(new URL(url, document.baseURI));
      this.roads.tell(response.ok ? roadsOf((await response.json()) as Parameters<typeof roadsOf>[0]) : []);
    } catch {
      this.roads.tell([]);
    }
  }
}

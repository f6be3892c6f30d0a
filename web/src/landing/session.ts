/** The city in passing: ops' live socket and the roads under it. */

import { OpsLink } from "../browser/opslink";
import type { ConfigReply, Summary } from "../contracts/generated";
import { roadsOf, type RoadLine } from "../map/miniature";
import { IDLE, type ConnectionState } from "../realtime/connection";
import { CarTable } from "../state/cars";
import { cell } from "../ui/store";

export class LandingSession {
  readonly connection = cell<ConnectionState>(IDLE);
  readonly latest = cell<Summary | null>(null);
  readonly roads = cell<readonly RoadLine[] | null>(null);
  readonly problem = cell<string | null>(null);
  readonly cars = new CarTable();
  private readonly ops: OpsLink;

  constructor(config: ConfigReply) {
    this.ops = new OpsLink(config, this.cars, {
      onSummary: this.latest.tell,
      onState: this.connection.tell,
      onProblem: this.problem.tell,
    });
    void this.readRoads(config.basemap_url);
  }

  stop(): void {
    this.ops.stop();
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

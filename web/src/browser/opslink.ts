/** The live socket of ops: an operator's token, then summaries and frames of the whole city. */

import type { ConfigReply, Summary, WatchHello } from "../contracts/generated";
import { CloseCode } from "../contracts/generated";
import type { ConnectionState } from "../realtime/connection";
import { Link } from "../realtime/link";
import { readPushFrame } from "../realtime/pushframes";
import { onServerTime, toLocalMs, UNHEARD, type ServerClock } from "../realtime/serverclock";
import type { CarTable } from "../state/cars";
import { fetchToken, messageOf } from "./http";
import { browserWorld } from "./world";

export interface OpsHandlers {
  onSummary(summary: Summary): void;
  onState(state: ConnectionState): void;
  onProblem(message: string | null): void;
}

const AGAIN_MS = 3_000;

export class OpsLink {
  token = "";
  /** Done when there is a token. */
  readonly signedIn: Promise<void>;
  private tellSignedIn: () => void = () => undefined;
  private clock: ServerClock = UNHEARD;
  private readonly link: Link;
  /** The first frame of a socket names all drivers, later ones those that changed. */
  private isFirstFrame = true;
  private again: number | undefined;

  constructor(
    config: ConfigReply,
    private readonly cars: CarTable,
    private readonly handlers: OpsHandlers,
  ) {
    this.link = new Link(`${config.ops_url.replace(/^http/, "ws")}/v1/ops/live`, browserWorld, {
      onOpen: () => {
        this.isFirstFrame = true;
        const hello: WatchHello = { type: "hello", token: this.token };
        this.link.send(JSON.stringify(hello));
      },
      onText: (text) => {
        this.onText(text);
      },
      onBytes: (bytes) => {
        this.onFrame(bytes);
      },
      onState: (state) => {
        this.onState(state);
      },
    });
    this.signedIn = new Promise((resolve) => {
      this.tellSignedIn = resolve;
    });
    window.addEventListener("online", this.onOnline);
    void this.signIn();
  }

  stop(): void {
    window.removeEventListener("online", this.onOnline);
    window.clearTimeout(this.again);
    this.link.stop();
  }

  private readonly onOnline = (): void => {
    this.link.networkReturned();
  };

  private async signIn(): Promise<void> {
    try {
      this.token = (await fetchToken("operator", "web")).token;
      this.handlers.onProblem(null);
      this.tellSignedIn();
      this.link.start();
    } catch (error) {
      this.handlers.onProblem(messageOf(error));
      this.again = window.setTimeout(() => void this.signIn(), AGAIN_MS);
    }
  }

  private onState(state: ConnectionState): void {
    this.handlers.onState(state);
    if (state.kind !== "refused" || state.code !== CloseCode.BAD_TOKEN) return;
    this.link.stop();
    void this.signIn();
  }

  private onText(text: string): void {
    const summary = JSON.parse(text) as Summary;
    this.clock = onServerTime(this.clock, summary.at_ms, Date.now());
    this.handlers.onSummary(summary);
  }

  private onFrame(bytes: ArrayBuffer): void {
    const reading = readPushFrame(bytes);
    if (reading.kind === "unreadable") {
      this.handlers.onProblem(`Reload this page: it is older than the service (${reading.why}).`);
      return;
    }
    const { frame } = reading;
    const now = Date.now();
    this.clock = onServerTime(this.clock, frame.baseMs, now);
    this.cars.apply(frame, now, toLocalMs(this.clock, frame.baseMs), this.isFirstFrame);
    this.isFirstFrame = false;
  }
}

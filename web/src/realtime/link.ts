/**
 * The shell around the connection machine: owns one WebSocket and one timer, decides nothing.
 */

import { IDLE, onClosed, onHeard, onOnline, onStart, onTick, wantsSocket, type ConnectionState } from "./connection";

/** An open or opening WebSocket whose binary messages are ArrayBuffers. */
export interface Socket {
  readonly isOpen: boolean;
  send(data: string | ArrayBuffer): void;
  close(): void;
}

export interface SocketEvents {
  opened(): void;
  heard(data: unknown): void;
  closed(code: number, reason: string): void;
}

/** The world, as the link needs it. */
export interface LinkWorld {
  openSocket(url: string, events: SocketEvents): Socket;
  nowMs(): number;
  readonly random: () => number;
  /** Call `tick` about every `everyMs`; the answer stops it. */
  every(everyMs: number, tick: () => void): () => void;
}

export interface LinkHandlers {
  onOpen(): void;
  onText(text: string): void;
  onBytes(bytes: ArrayBuffer): void;
  onState(state: ConnectionState): void;
}

const TICK_MS = 200;

export class Link {
  private state: ConnectionState = IDLE;
  private socket: Socket | null = null;
  private stopTicking: (() => void) | null = null;
  private heartbeatMs: number;

  constructor(
    private readonly url: string,
    private readonly world: LinkWorld,
    private readonly handlers: LinkHandlers,
    heartbeatMs = 2_000,
  ) {
    this.heartbeatMs = heartbeatMs;
  }

  start(): void {
    if (this.stopTicking !== null) return;
    this.stopTicking = this.world.every(TICK_MS, () => {
      this.enter(onTick(this.state, this.world.nowMs(), this.world.random));
    });
    this.enter(onStart(this.world.nowMs()));
  }

  stop(): void {
    this.stopTicking?.();
    this.stopTicking = null;
    this.enter(IDLE);
  }

  /** The longest silence that the server promised, once it is known. */
  promise(heartbeatMs: number): void {
    this.heartbeatMs = heartbeatMs;
  }

  networkReturned(): void {
    this.enter(onOnline(this.state, this.world.nowMs()));
  }

  /** False: not open, nothing was sent. */
  send(data: string | ArrayBuffer): boolean {
    if (this.socket?.isOpen !== true) return false;
    this.socket.send(data);
    return true;
  }

  get isOpen(): boolean {
    return this.socket?.isOpen === true;
  }

  private enter(next: ConnectionState): void {
    if (next === this.state) return;
    const before = this.state.kind;
    this.state = next;
    if (!wantsSocket(next)) this.dropSocket();
    else if (this.socket === null) this.openSocket();
    if (before !== next.kind) this.handlers.onState(next);
  }

  private openSocket(): void {
    // What an older socket still says is nobody's business.
    const mine = (): boolean => this.socket === socket;
    const socket = this.world.openSocket(this.url, {
      opened: () => {
        if (mine()) this.handlers.onOpen();
      },
      heard: (data) => {
        if (mine()) this.onHeard(data);
      },
      closed: (code, reason) => {
        if (!mine()) return;
        this.socket = null;
        this.enter(onClosed(this.state, code, reason, this.world.nowMs(), this.world.random));
      },
    });
    this.socket = socket;
  }

  private onHeard(data: unknown): void {
    this.enter(onHeard(this.state, this.world.nowMs(), this.heartbeatMs));
    if (typeof data === "string") this.handlers.onText(data);
    else if (data instanceof ArrayBuffer) this.handlers.onBytes(data);
  }

  private dropSocket(): void {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }
}

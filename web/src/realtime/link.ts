/**
 * The shell around the connection machine: owns one WebSocket and one timer, decides nothing.
 */

import { IDLE, onClosed, onHeard, onOnline, onStart, onTick, wantsSocket, type ConnectionState } from "./connection";

export interface SocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  onopen: ((event: never) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  send(data: string | ArrayBuffer): void;
  close(code?: number): void;
}

/** The world, as the link needs it. */
export interface LinkWorld {
  openSocket(url: string): SocketLike;
  nowMs(): number;
  random(): number;
  /** Call `tick` about every `everyMs`; the answer stops it. */
  every(everyMs: number, tick: () => void): () => void;
}

export interface LinkHandlers {
  onOpen(): void;
  onText(text: string): void;
  onBytes(bytes: ArrayBuffer): void;
  onState(state: ConnectionState): void;
}

const OPEN = 1;
const TICK_MS = 200;

export class Link {
  private state: ConnectionState = IDLE;
  private socket: SocketLike | null = null;
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
    if (this.socket?.readyState !== OPEN) return false;
    this.socket.send(data);
    return true;
  }

  get isOpen(): boolean {
    return this.socket?.readyState === OPEN;
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
    const socket = this.world.openSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => {
      if (this.socket === socket) this.handlers.onOpen();
    };
    socket.onmessage = (event) => {
      if (this.socket !== socket) return;
      this.enter(onHeard(this.state, this.world.nowMs(), this.heartbeatMs));
      if (typeof event.data === "string") this.handlers.onText(event.data);
      else if (event.data instanceof ArrayBuffer) this.handlers.onBytes(event.data);
    };
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.enter(onClosed(this.state, event.code, event.reason, this.world.nowMs(), this.world.random));
    };
  }

  private dropSocket(): void {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }
}

import { describe, expect, it } from "vitest";

import type { ConnectionState } from "./connection";
import { Link, type LinkWorld, type Socket, type SocketEvents } from "./link";

class FakeSocket implements Socket {
  isOpen = false;
  sent: unknown[] = [];
  closed = false;

  constructor(readonly events: SocketEvents) {}

  send(data: string | ArrayBuffer): void {
    this.sent.push(data);
  }
  close(): void {
    this.closed = true;
    this.isOpen = false;
  }
  open(): void {
    this.isOpen = true;
    this.events.opened();
  }
}

function stage(): { link: Link; sockets: FakeSocket[]; states: string[]; texts: string[]; pass: (ms: number) => void } {
  const sockets: FakeSocket[] = [];
  const states: string[] = [];
  const texts: string[] = [];
  let now = 0;
  let tick = (): void => undefined;
  const world: LinkWorld = {
    openSocket: (_url, events) => {
      const socket = new FakeSocket(events);
      sockets.push(socket);
      return socket;
    },
    nowMs: () => now,
    random: () => 0,
    every: (_ms, call) => {
      tick = call;
      return () => {
        tick = () => undefined;
      };
    },
  };
  const link = new Link("ws://x", world, {
    onOpen: () => undefined,
    onText: (text) => texts.push(text),
    onBytes: () => undefined,
    onState: (state: ConnectionState) => states.push(state.kind),
  });
  const pass = (ms: number): void => {
    now += ms;
    tick();
  };
  return { link, sockets, states, texts, pass };
}

describe("a link", () => {
  it("opens a new socket after a close and hears nothing more from the old one", () => {
    const { link, sockets, states, texts, pass } = stage();
    link.start();
    sockets[0]?.open();
    sockets[0]?.events.heard("one");
    const old = sockets[0];
    old?.events.closed(1006, "");
    pass(0);
    expect(sockets).toHaveLength(2);
    old?.events.heard("late");
    expect(texts).toEqual(["one"]);
    expect(states).toEqual(["connecting", "live", "waiting", "connecting"]);
  });

  it("sends nothing while it is not open, and says so", () => {
    const { link, sockets } = stage();
    link.start();
    expect(link.send("x")).toBe(false);
    sockets[0]?.open();
    expect(link.send("x")).toBe(true);
    expect(sockets[0]?.sent).toEqual(["x"]);
  });

  it("closes its socket when it is stopped", () => {
    const { link, sockets, states } = stage();
    link.start();
    link.stop();
    expect(sockets[0]?.closed).toBe(true);
    expect(states.at(-1)).toBe("idle");
  });
});

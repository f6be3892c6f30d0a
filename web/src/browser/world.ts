/** The real world for links: this browser's sockets, clock and chance. */

import type { LinkWorld } from "../realtime/link";

export const browserWorld: LinkWorld = {
  openSocket: (url, events) => {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      events.opened();
    };
    socket.onmessage = (event) => {
      events.heard(event.data);
    };
    socket.onclose = (event) => {
      events.closed(event.code, event.reason);
    };
    return {
      get isOpen() {
        return socket.readyState === WebSocket.OPEN;
      },
      send: (data) => {
        socket.send(data);
      },
      close: () => {
        socket.close();
      },
    };
  },
  nowMs: () => Date.now(),
  random: () => Math.random(),
  every: (everyMs, tick) => {
    const timer = window.setInterval(tick, everyMs);
    return () => {
      window.clearInterval(timer);
    };
  },
};

/** `path` beside this page, as a WebSocket address. */
export function socketUrl(path: string): string {
  return new URL(path, document.baseURI).href.replace(/^http/, "ws");
}

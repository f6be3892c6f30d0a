/** How the pings fare: connection, what waits in the phone, the report rate in force. */

import type { VNode } from "preact";

import type { ConnectionState } from "../realtime/connection";
import { count } from "../ui/format";
import { useStore } from "../ui/store";
import type { DriverSession } from "./session";

export function Strip({ session }: { session: DriverSession }): VNode {
  const connection = useStore(session.connection);
  const box = useStore(session.box);
  const reportMs = useStore(session.reportMs);
  const waiting = box.backlog.length + box.inFlight.reduce((sum, frame) => sum + frame.length, 0);
  return (
    <dl class="strip panel number" aria-label="Connection">
      <div>
        <dt class="sr-only">Connection</dt>
        <dd class="row">
          <span class={`state-dot ${connection.kind === "live" ? "open" : "hollow"}`} />
          {wordOf(connection)}
        </dd>
      </div>
      <div title="Pings in the phone that the log has not acknowledged">
        <dt>buffered</dt>
        <dd class={waiting > 5 ? "much" : ""}>{count(waiting)}</dd>
      </div>
      <div title="Pings that the log has acknowledged since this page was opened">
        <dt>in the log</dt>
        <dd>{count(box.acknowledged)}</dd>
      </div>
      <div>
        <dt>rate</dt>
        <dd>
          {(1_000 / reportMs).toFixed(reportMs > 1_000 ? 1 : 0)}
          <span class="unit">/s</span>
        </dd>
      </div>
    </dl>
  );
}

function wordOf(connection: ConnectionState): string {
  switch (connection.kind) {
    case "idle":
      return "Off";
    case "connecting":
      return "Connecting";
    case "live":
      return "Live";
    case "stale":
      return "Silent";
    case "waiting":
      return "Offline";
    case "refused":
      return "Refused";
  }
}

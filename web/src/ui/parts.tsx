/** Small parts that all pages share. */

import type { ComponentChildren, VNode } from "preact";

import { lostAtMs, type ConnectionState } from "../realtime/connection";
import { ago, clockTime } from "./format";
import { CutIcon, MoonIcon, SunIcon } from "./icons";
import { useNow, useStore } from "./store";
import { switchTheme, theme } from "./theme";

export function ThemeSwitch({ className = "icon-button floating" }: { className?: string }): VNode {
  const now = useStore(theme);
  const label = now === "day" ? "Switch to night" : "Switch to day";
  return (
    <button type="button" class={className} onClick={switchTheme} aria-label={label} title={label}>
      {now === "day" ? <MoonIcon /> : <SunIcon />}
    </button>
  );
}

interface BannerProps {
  connection: ConnectionState;
  /** What is still true while the connection is lost. */
  holds: string;
}

/** Says a lost connection, since when, and what still holds. Silent while all is well. */
export function ConnectionBanner({ connection, holds }: BannerProps): VNode | null {
  const now = useNow(500);
  if (connection.kind === "live" || connection.kind === "idle") return null;
  if (connection.kind === "refused") {
    return <Banner tone="alarm">The service refused this page: {connection.reason || `code ${connection.code}`}. Reload to sign in again.</Banner>;
  }
  const lost = lostAtMs(connection);
  if (lost === null) {
    const isFirst = connection.kind === "connecting" && connection.attempt === 1 && now - connection.sinceMs < 1_500;
    return isFirst ? null : <Banner tone="notice">No connection yet. Trying again.</Banner>;
  }
  return (
    <Banner tone="notice">
      <span>
        <span class="strong">{connection.kind === "stale" ? "Nothing heard" : "Connection lost"} </span>
        <span class="number" title={clockTime(lost)}>
          {ago(now - lost)}
        </span>
        . {holds}
      </span>
    </Banner>
  );
}

export function Banner({ tone, children }: { tone: "notice" | "alarm"; children: ComponentChildren }): VNode {
  return (
    <div class={`banner ${tone}`} role="status" aria-live="polite">
      <CutIcon />
      <span>{children}</span>
    </div>
  );
}

/** An error that a person can do something about. */
export function Problem({ title, message, retry }: { title: string; message: string; retry?: () => void }): VNode {
  return (
    <div class="problem" role="alert">
      <p class="strong">{title}</p>
      <p class="soft">{message}</p>
      {retry && (
        <button type="button" class="button plain" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Skeleton({ width, height = 14 }: { width: string; height?: number }): VNode {
  return <span class="skeleton" style={{ width, height: `${height}px` }} aria-hidden="true" />;
}

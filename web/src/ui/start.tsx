/** How a page begins: theme, the service's configuration, then the page itself. */

import "./base.css";

import { render, type VNode } from "preact";
import { useEffect, useState } from "preact/hooks";

import { fetchConfig, messageOf } from "../browser/http";
import type { ConfigReply } from "../contracts/generated";
import type { Theme } from "../map/palette";
import type { Loading } from "../state/ride";
import { Problem } from "./parts";
import { startTheme } from "./theme";

export function startPage(own: Theme | null, page: (config: ConfigReply) => VNode): void {
  startTheme(own);
  const root = document.getElementById("app");
  if (root === null) throw new Error("the page has no #app");
  // Labels on the map are drawn with the page's font: it must be there before the first tile.
  void document.fonts.load("400 12px Inter").finally(() => {
    render(<Begin page={page} />, root);
  });
}

function Begin({ page }: { page: (config: ConfigReply) => VNode }): VNode {
  const [config, setConfig] = useState<Loading<ConfigReply>>({ kind: "loading" });
  const [attempt, setAttempt] = useState(1);
  useEffect(() => {
    let isWanted = true;
    fetchConfig().then(
      (value) => {
        if (isWanted) setConfig({ kind: "loaded", value });
      },
      (error: unknown) => {
        if (isWanted) setConfig({ kind: "failed", message: messageOf(error) });
      },
    );
    return () => {
      isWanted = false;
    };
  }, [attempt]);
  switch (config.kind) {
    case "loaded":
      return page(config.value);
    case "loading":
      return <div class="whole-page-note" aria-busy="true" />;
    case "failed":
      return (
        <main class="whole-page-note">
          <Problem
            title="Hailstream is not there"
            message={config.message}
            retry={() => {
              setConfig({ kind: "loading" });
              setAttempt(attempt + 1);
            }}
          />
        </main>
      );
  }
}

/** Unit tests run in Node: what they test knows no page. */

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["src/**/*.test.ts"], environment: "node", sequence: { shuffle: true } },
});

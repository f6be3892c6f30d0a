/** What the compiler cannot say: who may import whom, and what pure code may not touch. */

import tseslint from "typescript-eslint";

const PAGE_NAMES = ["landing", "rider", "driver", "operator"];

/** Files of `folders` may import nothing from `others`. ESLint's own rule: no resolver to install. */
const wall = (folders, others, message) => ({
  files: folders.map((folder) => `src/${folder}/**`),
  rules: {
    "no-restricted-imports": [
      "error",
      { patterns: [{ regex: `^\\.\\./(${others.join("|")})(/|$)`, message }] },
    ],
  },
});

export default tseslint.config(
  { ignores: ["dist", "node_modules", "src/contracts/generated.ts"] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ["eslint.config.js", "vitest.config.ts"] } },
    },
    rules: {
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/dot-notation": "off",
      "max-lines": ["error", { max: 300, skipBlankLines: false }],
    },
  },
  {
    files: ["src/state/**", "src/realtime/**"],
    rules: {
      "no-restricted-globals": [
        "error",
        ...["document", "window", "localStorage", "navigator", "fetch", "WebSocket", "setTimeout", "setInterval"].map(
          (name) => ({ name, message: "State and protocol take the world as an argument." }),
        ),
      ],
      "no-restricted-properties": [
        "error",
        { object: "Math", property: "random", message: "Chance is an argument." },
        { object: "Date", property: "now", message: "Time is an argument." },
        { object: "performance", property: "now", message: "Time is an argument." },
      ],
    },
  },
  ...PAGE_NAMES.map((name) =>
    wall(
      [name],
      PAGE_NAMES.filter((other) => other !== name),
      "Pages never import one another: what they share lives in ui, map, state or realtime.",
    ),
  ),
  wall(["state", "realtime", "contracts"], ["ui", "map", ...PAGE_NAMES], "What decides does not know what shows."),
  wall(["ui", "map"], PAGE_NAMES, "Shared parts do not know the pages."),
  { files: ["eslint.config.js"], ...tseslint.configs.disableTypeChecked },
);

/** What the compiler cannot say: who may import whom, and what pure code may not touch. */

import importX from "eslint-plugin-import-x";
import tseslint from "typescript-eslint";

const page = (name, others) => ({
  target: `./src/${name}`,
  from: others.map((other) => `./src/${other}`),
  message: "Pages never import one another: what they share lives in ui, map, state or realtime.",
});

const PAGE_NAMES = ["landing", "rider", "driver", "operator"];

export default tseslint.config(
  { ignores: ["dist", "node_modules", "src/contracts/generated.ts"] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ["eslint.config.js", "vitest.config.ts"] } },
    },
    plugins: { "import-x": importX },
    settings: { "import-x/resolver": { node: { extensions: [".ts", ".tsx"] } } },
    rules: {
      "import-x/no-restricted-paths": [
        "error",
        {
          zones: [
            ...PAGE_NAMES.map((name) =>
              page(
                name,
                PAGE_NAMES.filter((other) => other !== name),
              ),
            ),
            {
              target: ["./src/state", "./src/realtime", "./src/contracts"],
              from: ["./src/ui", "./src/map", ...PAGE_NAMES.map((name) => `./src/${name}`)],
              message: "What decides does not know what shows.",
            },
            {
              target: ["./src/ui", "./src/map"],
              from: PAGE_NAMES.map((name) => `./src/${name}`),
              message: "Shared parts do not know the pages.",
            },
          ],
        },
      ],
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
  { files: ["eslint.config.js"], ...tseslint.configs.disableTypeChecked },
);

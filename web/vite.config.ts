/** How the four pages are built, and how they are served while being worked on. */

import { fileURLToPath } from "node:url";

import { defineConfig, type Connect, type Plugin } from "vite";

const PAGES = ["index", "rider", "driver", "operator"] as const;

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The gateway serves /rider as rider.html: so does the development server. */
function pageNames(): Plugin {
  const rewrite: Connect.NextHandleFunction = (request, _response, next) => {
    const [path, query] = (request.url ?? "").split("?");
    const name = path?.slice(1);
    if (PAGES.some((page) => page === name)) {
      request.url = `/${name ?? ""}.html${query === undefined ? "" : `?${query}`}`;
    }
    next();
  };
  return {
    name: "page-names",
    configureServer: (server) => void server.middlewares.use(rewrite),
    configurePreviewServer: (server) => void server.middlewares.use(rewrite),
  };
}

const gateway = process.env["HAILSTREAM_GATEWAY"] ?? "http://127.0.0.1:8080";
const proxy = {
  "/v1": { target: gateway, ws: true },
  "/city": { target: gateway },
};

export default defineConfig({
  base: "./",
  plugins: [pageNames()],
  server: { proxy },
  preview: { proxy },
  build: {
    target: "es2022",
    // MapLibre is one chunk of its own, shared by the pages and cached apart from them.
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      input: Object.fromEntries(PAGES.map((page) => [page, here(`./${page}.html`)])),
      output: {
        codeSplitting: {
          groups: [
            { name: "maplibre", test: /node_modules[\\/](maplibre-gl|@maplibre|@mapbox)/ },
            { name: "preact", test: /node_modules[\\/]preact/ },
          ],
        },
      },
    },
  },
});

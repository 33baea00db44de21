// `npx node scripts/fixture-server.ts FLAGS`: bundles the server of the conformance cases like a release, and runs it in this process.
import { build } from "esbuild";

const outfile = "dist/fixture-server.mjs";
await build({
  entryPoints: ["tests/support/wire/fixture-server.ts"],
  outfile,
  bundle: true,
  platform: "node",
  format: "esm",
  conditions: ["armorclaw-source"],
  external: ["pino", "koffi", "prom-client", "jose", "ws"],
  logLevel: "error",
});
await import(new URL(`../${outfile}`, import.meta.url).href);

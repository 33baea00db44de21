// Bundles agent-runtime into the one file of the agent image. Plain JavaScript, so that `npm ci` can run it on any Node.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
if (existsSync(`${root}agent-runtime/main.ts`)) {
  await build({
    absWorkingDir: root,
    entryPoints: ["agent-runtime/main.ts"],
    outfile: "dist/agent/agent.mjs",
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node24",
    conditions: ["armorclaw-source"],
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
  });
}

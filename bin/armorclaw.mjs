#!/usr/bin/env -S node --max-semi-space-size=2
// Starts the program: from `dist/` where it is installed, from the TypeScript sources in a clone.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import nodeModule from "node:module";
import { fileURLToPath } from "node:url";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const isClone = existsSync(path("../bridge/main.ts"));
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const ownNode = path(`../node_modules/node/bin/node${process.platform === "win32" ? ".exe" : ""}`);

if (major > 24 || (major === 24 && minor >= 12)) {
  // Kept beside the code, so that whoever can change one could change the other. Where it cannot be written nothing is kept.
  nodeModule.enableCompileCache(path("../node_modules/.cache/armorclaw"));
  if (isClone) {
    nodeModule.registerHooks({
      resolve: (specifier, context, next) =>
        next(specifier, { ...context, conditions: [...context.conditions, "armorclaw-source"] }),
    });
  }
  const { main } = await import(isClone ? "../bridge/main.ts" : "../dist/bridge/main.js");
  await main();
} else if (existsSync(ownNode) && process.execPath !== ownNode) {
  const child = spawn(ownNode, [...process.execArgv, path("armorclaw.mjs"), ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  // A terminal sends SIGINT to both; the other signals are for the child.
  process.on("SIGINT", () => undefined);
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code) => {
    process.exitCode = code ?? 1;
  });
} else {
  process.stderr.write(`armorclaw needs Node 24.12 or later; this is ${process.version}\n`);
  process.exitCode = 1;
}

#!/usr/bin/env -S node --max-semi-space-size=2
// Starts the program as it is built in dist/program. In a clone whose sources have changed since the build, it starts the
// TypeScript sources instead, which takes longer and needs more memory.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import nodeModule from "node:module";
import { isatty } from "node:tty";
import { fileURLToPath } from "node:url";
import { isCurrent } from "./build-stamp.mjs";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const isClone = existsSync(path("../bridge/main.ts"));
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const ownNode = path(`../node_modules/node/bin/node${process.platform === "win32" ? ".exe" : ""}`);

if (major > 24 || (major === 24 && minor >= 12)) await start();
else if (existsSync(ownNode) && process.execPath !== ownNode) startOwnNode();
else {
  process.stderr.write(`armorclaw needs Node 24.12 or later; this is ${process.version}\n`);
  process.exitCode = 1;
}

async function start() {
  // The cache is beside the code, because whoever can write the code could change the cache as well. Where it is not writable,
  // no cache is stored.
  nodeModule.enableCompileCache(path("../node_modules/.cache/armorclaw"));
  const runsSources = isClone && !isCurrent(path("../"));
  if (runsSources) {
    nodeModule.registerHooks({
      resolve: (specifier, context, next) =>
        next(specifier, { ...context, conditions: [...context.conditions, "armorclaw-source"] }),
    });
  }
  const { main } = await import(runsSources ? "../bridge/main.ts" : "../dist/program/main.js");
  await main();
}

/** Under an older Node, runs the program in the Node of the clone, and ends with the same exit code or signal. */
function startOwnNode() {
  const child = spawn(ownNode, [...process.execArgv, path("armorclaw.mjs"), ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  // A terminal sends the SIGINT of a Ctrl-C to both processes. The child must not get a second one, which would end its
  // orderly stop early.
  const hasTerminal = [0, 1, 2].some(isatty);
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  const forward = (signal) => {
    if (signal !== "SIGINT" || !hasTerminal) child.kill(signal);
  };
  for (const signal of signals) process.on(signal, forward);
  child.on("error", (error) => {
    process.stderr.write(`armorclaw could not start ${ownNode}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    for (const name of signals) process.off(name, forward);
    if (signal === null) process.exitCode = code;
    else process.kill(process.pid, signal);
  });
}

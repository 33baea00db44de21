import { runAgent } from "./agent.ts";
import { loopMap } from "./loop-map.ts";

const ending = new AbortController();
// As process 1 of its container the agent has no default action for SIGTERM; without a handler it would be ignored.
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => ending.abort());
// The reader of the output ends when the bridge restarts, which must not end the agent.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
process.on("uncaughtException", fail);

runAgent({
  socketPath: process.env["ARMORCLAW_AGENT_SOCKET"] ?? "/run/bridge/agent.sock",
  pid: process.pid,
  loops: loopMap,
  signal: ending.signal,
  log: (line) => process.stdout.write(`${line}\n`),
  onTrouble: (message) => process.stderr.write(`${message}\n`),
}).catch(fail);

/** Writes one line and sets exit code 1. The process then ends, as nothing keeps it running. */
function fail(error: unknown): void {
  process.exitCode = 1;
  process.stderr.write(`${describe(error).replaceAll("\n", " ")}\n`);
  ending.abort();
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describe(error.cause)}`;
}

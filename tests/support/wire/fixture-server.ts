import { parseArgs } from "node:util";
import { silentLogger } from "../../../bridge/logging/index.ts";
import { systemClock } from "../../../bridge/platform/clock.ts";
import { hangUpProbe, loadNativeCalls } from "../../../bridge/platform/os/peer-credentials.ts";
import {
  builtinHandlers,
  builtinMethods,
  CallMetrics,
  createControlListener,
  createMethodTable,
  createRpcServer,
  defaultRates,
  metricsPage,
  RateLimits,
} from "../../../bridge/rpc/index.ts";
import { fixtureContract, fixtureHandlers } from "./fixture-methods.ts";

// Serves the conformance fixtures with the daemon's own listener, framing, limits and dispatcher, at their defaults.
const { socket, "connections-max": connectionsMax } = parseArgs({
  options: { socket: { type: "string" }, "connections-max": { type: "string" } },
}).values;
if (socket === undefined) throw new Error("Usage: fixture-server --socket PATH [--connections-max N]");

const contract = { ...fixtureContract, ...builtinMethods };
const handlers = { ...fixtureHandlers(systemClock), ...builtinHandlers("0.0.0", contract) };
const logger = silentLogger;
const native = loadNativeCalls();
const calls = new CallMetrics();
const rates = new RateLimits({ rates: defaultRates, penalty: 1, clock: systemClock });
const server = createRpcServer({
  limits: connectionsMax === undefined ? {} : { connectionsMax: Number(connectionsMax) },
  logger,
  clock: systemClock,
  hasHungUp: hangUpProbe(native),
});
server.serve({
  table: createMethodTable(contract, handlers),
  policy: { authorize: rates.authorize, onAnswered: calls.onAnswered },
  pages: {
    health: () => ({ status: "ok" }),
    metrics: metricsPage({ calls, stats: () => server.stats, rateLimited: () => rates.refused }),
  },
});
const listener = createControlListener({ path: socket, server, native, logger, directory: "given" });
await listener.start();
process.stdout.write(`listening on ${socket}\n`);

const stop = async () => {
  await listener.stop();
  await server.close();
};
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop());

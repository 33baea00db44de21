import { join } from "node:path";
import { aliases } from "@armorclaw/protocol";
import { chargeAgents } from "../access/index.ts";
import { circuitGauges } from "../adapters/http/index.ts";
import { agentGauges } from "../agents/index.ts";
import type { Guard } from "../containers/index.ts";
import { BridgeState } from "../lifecycle/bridge-state.ts";
import { LoopMonitor, type Service } from "../lifecycle/index.ts";
import { Outbox } from "../outbox/index.ts";
import { descriptorLimit } from "../platform/os/descriptors.ts";
import { memoryRelease } from "../platform/os/memory-release.ts";
import { hangUpProbe } from "../platform/os/peer-credentials.ts";
import { createAgentEndpoints, createControlListener, createMethodTable, createRpcServer } from "../rpc/index.ts";
import { composeAgents } from "./agents.ts";
import { composeAlerts } from "./alerts.ts";
import { describeBridge, type Stopping } from "./bridge-info.ts";
import { composeBudget } from "./budget.ts";
import { composeCalls } from "./calls.ts";
import { contract } from "./contract.ts";
import type { DaemonOptions } from "./daemon-options.ts";
import type { Ground } from "./ground.ts";
import { handlersOf } from "./handlers.ts";
import { composeListeners } from "./listeners.ts";
import { composeLlm } from "./llm.ts";
import { loopGauges } from "./loop-gauges.ts";
import { composeMatrix } from "./matrix.ts";
import { composeMessaging } from "./messaging.ts";
import { composeSecurity } from "./security.ts";

/** The composition root: it constructs every service. The array is the start order; drain and stop go the other way. */
export function composeServices(
  ground: Ground,
  socketPath: string,
  options: DaemonOptions,
  stopping: Stopping,
  guard: Guard,
): readonly Service[] {
  const { clock, random, config, engine, log, logging, native, publish, store } = ground;
  const { credentialsDirectory, validateResults } = options;
  const info = describeBridge(ground, socketPath, stopping);
  const loop = new LoopMonitor({
    clock,
    logger: logging.child("loop"),
    publish: (report) => publish("bridge.stalled", "bridge", report),
    cpuMs: () => process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000,
  });
  const server = createRpcServer({
    clock,
    limits: config.rpc,
    logger: logging.child("rpc"),
    hasHungUp: hangUpProbe(native),
    descriptorsMax: descriptorLimit(),
    onLongWork: (work) => loop.note(work),
    validateResults,
  });
  const outbox = new Outbox({ log, store, logger: logging.child("outbox"), random });
  const sockets = { server, native, logger: logging.child("sockets") };
  const endpoints = createAgentEndpoints({ ...sockets, root: join(config.runtimeDir, "agents") });
  const agents = composeAgents(ground, endpoints);
  const { supervisor, directory } = agents;
  const security = composeSecurity(ground, { contract, agents: directory, credentialsDirectory });
  const { access, keystore, approvals } = security;
  const budget = composeBudget(ground, directory, approvals);
  const llm = composeLlm(ground, { agents: directory, budget: budget.budget, keystore });
  const rooms = composeMatrix(ground, { keystore, access, outbox, caller: server.local, audit: security.audit });
  const messaging = composeMessaging(ground, outbox, directory);
  const calls = composeCalls(ground, { agents: directory, budget: budget.budget, rooms });
  for (const socket of [llm.socket, ...(calls?.sockets ?? [])]) endpoints.register(socket);
  const circuits = circuitGauges({
    http: () => security.http.circuits,
    webhook: messaging.circuits,
    model: llm.circuits,
  });
  const gauges = [...agentGauges(supervisor, log), ...budget.gauges, ...circuits, ...loopGauges(loop)];
  const listeners = composeListeners(ground, { server, audit: security.audit, access, gauges, site: calls?.page });
  const domains = { server, outbox, agents, security, budget, llm, rooms, messaging, calls, listeners, loop };
  const table = createMethodTable(contract, handlersOf(ground, info, domains), aliases);
  const intercept = chargeAgents(supervisor, security.policy.intercept);
  server.serve({ table, policy: { ...listeners.policy, ...security.policy, intercept }, pages: listeners.pages });
  const sealing = { keyFile: config.rpc.sealKeyFile, messageBytesMax: config.rpc.frameBytesMax };
  return [
    log,
    ...security.services,
    outbox,
    messaging.tasks,
    ...rooms.services,
    ...composeAlerts(ground, outbox),
    budget.budget,
    ...llm.services,
    ...(calls?.services ?? []),
    supervisor,
    {
      name: "rpc",
      start: async () => undefined,
      drain: (deadline) => server.drain(deadline),
      stop: () => server.close(),
    },
    ...listeners.services,
    createControlListener({ ...sockets, clock, path: socketPath, sealing }),
    {
      name: "guard",
      start: async () => guard.start((reason) => supervisor.panic(reason)),
      // It stays until everything else has stopped.
      stop: async () => undefined,
    },
    new BridgeState(info, publish, () => {
      log.watch({ channels: [">"] }, options.onEvent);
      options.onServing(engine.status);
      supervisor.begin();
    }),
    memoryRelease(clock, native),
    loop,
  ];
}

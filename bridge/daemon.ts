import { join } from "node:path";
import { loopMap } from "@armorclaw/agent-runtime";
import { aliases, type EngineStatus, type EventEnvelope, type MethodName, methods } from "@armorclaw/protocol";
import { type AgentEndpoints, AgentSupervisor } from "./agents/agents.ts";
import type { LoadedConfig } from "./config/config.ts";
import { type Engine, selectEngine } from "./containers/containers.ts";
import { type EventLog, eventPublisher, MemoryEventLog } from "./events/events.ts";
import { type BridgeInfo, BridgeState } from "./lifecycle/bridge-state.ts";
import { runServices, type Service } from "./lifecycle/lifecycle.ts";
import type { Logging } from "./logging/logging.ts";
import { type Clock, systemClock, timestamp } from "./platform/clock.ts";
import { HostMeter } from "./platform/host-info.ts";
import { keepInheritedDescriptors } from "./platform/inherited-descriptors.ts";
import { loadNativeCalls, type NativeCalls } from "./platform/peer-credentials.ts";
import { openStateDirectory } from "./platform/state-directory.ts";
import type { Handlers } from "./rpc/call.ts";
import { agentHandlers } from "./rpc/handlers/agent.ts";
import { bridgeHandlers } from "./rpc/handlers/bridge.ts";
import { eventHandlers } from "./rpc/handlers/event.ts";
import { loopHandlers } from "./rpc/handlers/loop.ts";
import { systemHandlers } from "./rpc/handlers/system.ts";
import {
  builtinHandlers,
  builtinMethods,
  createAgentEndpoints,
  createControlListener,
  createMethodTable,
  createRpcServer,
} from "./rpc/rpc.ts";
import { engineSettings, rpcLimits, supervisorSettings } from "./settings.ts";
import { Store } from "./store/store.ts";

export interface DaemonOptions {
  readonly version: string;
  readonly logging: Logging;
  /** Aborting begins the orderly stop. */
  readonly until: AbortSignal;
  /** Aborting ends the drain at once. */
  readonly hurry: AbortSignal;
  /** Begins the orderly stop from within. */
  readonly stop: () => void;
  /** Called when the socket serves. */
  readonly onServing: (engine: EngineStatus) => void;
  readonly onEvent: (event: EventEnvelope) => void;
  /** Holds answers to the contract: for tests and development. */
  readonly validateResults: boolean;
}

/** What everything else stands on. */
interface Ground {
  readonly clock: Clock;
  readonly store: Store;
  readonly native: NativeCalls | undefined;
  readonly engine: Engine;
  readonly log: EventLog;
  readonly installId: string;
}

/** Opens the ground floor, composes the services on it and runs them until they are told to stop. */
export async function runDaemon(loaded: LoadedConfig, options: DaemonOptions): Promise<void> {
  const { config } = loaded;
  const { logging } = options;
  const clock = systemClock;
  const native = loadNativeCalls();
  keepInheritedDescriptors(native);
  const installId = openStateDirectory(config.state_dir);
  // Opening it takes the state directory for this process alone.
  using store = new Store(join(config.state_dir, "store.db"), [], timestamp(clock));
  const engine = await selectEngine({ ...engineSettings(config), installId, logger: logging.child("engine") });
  const log = new MemoryEventLog(clock, config.events.history_max);
  const ground = { clock, store, native, engine, log, installId };
  const logger = logging.child("daemon");
  const stopping = { graceMs: config.shutdown_grace_ms };
  await runServices(compose(ground, loaded, options, stopping), {
    until: options.until,
    hurry: options.hurry,
    graceMs: () => stopping.graceMs,
    onPhase: (phase, service) => logger.info({ phase, service }, "lifecycle"),
  });
}

/** The composition root: constructs every service. The array is the start order; drain and stop go the other way. */
function compose(
  ground: Ground,
  loaded: LoadedConfig,
  options: DaemonOptions,
  stopping: { graceMs: number },
): readonly Service[] {
  const { clock, native, engine, log } = ground;
  const { config, socketPath } = loaded;
  const { logging, version } = options;
  const publish = eventPublisher(log);
  const info = describeBridge(ground, loaded, options, stopping);
  // The sockets' server serves methods that the supervisor answers, so the sockets are bound after both are made.
  const endpoints: AgentEndpoints = { open: (...args) => agentSockets.open(...args) };
  const manifests = Object.values(loopMap).map(({ manifest }) => manifest);
  const agentDeps = {
    engine,
    endpoints,
    manifests,
    publish,
    clock,
    random: Math.random,
    logger: logging.child("agents"),
  };
  const agents = new AgentSupervisor(agentDeps, supervisorSettings(config));
  const contract = { ...builtinMethods, ...methods };
  const handlers: Handlers<MethodName> = {
    ...builtinHandlers(version, contract),
    ...bridgeHandlers(info, engine, agents, clock),
    ...agentHandlers(agents),
    ...loopHandlers(agents),
    ...eventHandlers(log),
    ...systemHandlers(agents, new HostMeter(config.state_dir)),
  };
  const server = createRpcServer({
    table: createMethodTable(contract, handlers, aliases),
    limits: rpcLimits(config),
    clock,
    logger: logging.child("rpc"),
    hasHungUp: native?.hasHungUp,
    validateResults: options.validateResults,
  });
  const sockets = { server, native, logger: logging.child("sockets") };
  const agentSockets = createAgentEndpoints({ ...sockets, root: join(config.runtime_dir, "agents") });
  return [
    agents,
    {
      name: "rpc",
      start: async () => undefined,
      drain: (deadline) => server.drain(deadline),
      stop: () => server.close(),
    },
    createControlListener({ ...sockets, path: socketPath }),
    new BridgeState(info, publish, () => {
      log.subscribe({ channels: [">"] }, undefined, options.onEvent);
      options.onServing(engine.status);
      agents.begin();
    }),
  ];
}

function describeBridge(
  { clock, native, engine, installId }: Ground,
  { config, socketPath }: LoadedConfig,
  { version, stop }: DaemonOptions,
  stopping: { graceMs: number },
): BridgeInfo {
  return {
    version,
    installId,
    engine: engine.kind,
    pid: process.pid,
    startedAtMs: clock.now(),
    socketPath,
    stateDirectory: config.state_dir,
    runtimeDirectory: config.runtime_dir,
    peerCredentials: native === undefined ? "unavailable" : "available",
    residentBytes: () => process.memoryUsage.rss(),
    state: "starting",
    graceMs: () => stopping.graceMs,
    shutdown: (graceMs) => {
      stopping.graceMs = graceMs;
      stop();
    },
  };
}

import assert from "node:assert/strict";
import { join } from "node:path";
import { aliases, type EngineStatus, type EventEnvelope, type MethodName, methods } from "@armorclaw/protocol";
import { type AgentEndpoints, type AgentRecords, AgentStore, AgentSupervisor, agentInbox } from "../agents/index.ts";
import { agentHandlers } from "../api/agent.ts";
import { bridgeHandlers } from "../api/bridge.ts";
import { eventHandlers } from "../api/event.ts";
import { loopHandlers } from "../api/loop.ts";
import { systemHandlers } from "../api/system.ts";
import type { Config, LoadedConfig } from "../config/index.ts";
import { type Engine, selectEngine, Workspaces } from "../containers/index.ts";
import { Consumers, DurableEventLog, eventPublisher, type PublishEvent } from "../events/index.ts";

import { type BridgeInfo, BridgeState } from "../lifecycle/bridge-state.ts";
import { runServices, type Service } from "../lifecycle/index.ts";
import type { Logging } from "../logging/index.ts";
import { type Clock, systemClock, timestamp } from "../platform/clock.ts";
import { HostMeter } from "../platform/host-info.ts";
import { keepInheritedDescriptors } from "../platform/inherited-descriptors.ts";
import { hangUpProbe, loadNativeCalls, type NativeCalls } from "../platform/peer-credentials.ts";
import { openStateDirectory } from "../platform/state-directory.ts";
import type { Handlers } from "../rpc/index.ts";
import {
  builtinHandlers,
  builtinMethods,
  createAgentEndpoints,
  createControlListener,
  createMethodTable,
  createRpcServer,
  type RpcServer,
} from "../rpc/index.ts";
import { Store } from "../store/index.ts";
import { agentGauges } from "./agent-metrics.ts";
import { composeAlerts } from "./alerts.ts";
import { composeVoice } from "./calls.ts";
import { circuitGauges } from "./circuit-metrics.ts";
import { checkupHandlers } from "./doctor.ts";
import { composeWire } from "./endpoints.ts";
import { agentHold, composeMoney } from "./llm-and-budget.ts";
import { composeRooms } from "./matrix.ts";
import { composeMessaging } from "./messaging.ts";
import { migrations } from "./migrations.ts";
import { agentDirectory, composeGuards } from "./security.ts";
import { engineSettings, loopManifests } from "./settings.ts";

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
  /** `$CREDENTIALS_DIRECTORY`, where systemd gives one. */
  readonly credentialsDirectory: string | undefined;
}

/** What everything else stands on. */
interface Ground {
  readonly clock: Clock;
  readonly store: Store;
  readonly native: NativeCalls | undefined;
  readonly engine: Engine;
  readonly records: AgentRecords;
  readonly log: DurableEventLog;
  readonly installId: string;
}

/** Opens the ground floor, composes the services on it and runs them until they are told to stop. */
export async function runDaemon(loaded: LoadedConfig, options: DaemonOptions): Promise<void> {
  const { config } = loaded;
  const { logging } = options;
  const clock = systemClock;
  const native = loadNativeCalls();
  if (native?.hideMemory() === false) logging.child("daemon").warn({}, "core files could not be forbidden");
  keepInheritedDescriptors(native);
  const installId = openStateDirectory(config.stateDir);
  // Opening it takes the state directory for this process alone.
  using store = new Store(join(config.stateDir, "store.db"), migrations, timestamp(clock), {
    ballastBytes: config.store.ballastBytes,
  });
  const records = new AgentStore(store);
  const engine = await selectEngine({
    ...engineSettings(config),
    native,
    installId,
    holding: records.holdingEngine(),
    logger: logging.child("engine"),
  });
  const events = { store, clock, logger: logging.child("events"), retention: config.events };
  const log = new DurableEventLog(events);
  const ground = { clock, store, native, engine, records, log, installId };
  const logger = logging.child("daemon");
  const stopping = { graceMs: config.shutdownGraceMs };
  await runServices(compose(ground, loaded, options, stopping), {
    until: options.until,
    hurry: options.hurry,
    graceMs: () => stopping.graceMs,
    onPhase: (phase, service) => logger.info({ phase, service }, "lifecycle"),
  });
}

/** What the domains reach only once it stands: the server serves their methods, so it is made after them. */
interface Late {
  server?: RpcServer;
  agentSockets?: AgentEndpoints;
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
  const { logging } = options;
  const late: Late = {};
  const publish = eventPublisher(log, logging.child("events"));
  const info = describeBridge(ground, loaded, options, stopping);
  const domains = composeDomains(ground, config, options, publish, late);
  const { agents, guards, money, messaging, rooms, voice, wire } = domains;
  const table = createMethodTable(contract, handlersOf(ground, config, info, domains), aliases);
  const server = createRpcServer({
    clock,
    limits: config.rpc,
    logger: logging.child("rpc"),
    hasHungUp: hangUpProbe(native),
    validateResults: options.validateResults,
  });
  const policy = { ...wire.policy, ...guards.policy };
  server.serve({ table, policy, pages: wire.pages });
  const sockets = { server, native, logger: logging.child("sockets") };
  const root = join(config.runtimeDir, "agents");
  const agentSockets = createAgentEndpoints({
    ...sockets,
    root,
    sideSockets: [money.sideSocket, ...voice.sideSockets],
  });
  Object.assign(late, { server, agentSockets } satisfies Required<Late>);
  return [
    log,
    ...guards.services,
    ...messaging.services,
    ...rooms.services,
    ...composeAlerts({ ...ground, config, logging, publish }, messaging.outbox),
    ...money.services,
    ...voice.services,
    agents,
    {
      name: "rpc",
      start: async () => undefined,
      drain: (deadline) => server.drain(deadline),
      stop: () => server.close(),
    },
    ...wire.services,
    createControlListener({
      ...sockets,
      path: socketPath,
      sealing: { keyFile: config.rpc.sealKeyFile, messageBytesMax: config.rpc.frameBytesMax },
    }),
    new BridgeState(info, publish, () => {
      log.watch({ channels: [">"] }, options.onEvent);
      options.onServing(engine.status);
      agents.begin();
    }),
  ];
}

const contract = { ...builtinMethods, ...methods };

/** One composition per domain, each in its file beside this one. */
function composeDomains(
  ground: Ground,
  config: Config,
  { logging, version, credentialsDirectory }: DaemonOptions,
  publish: PublishEvent,
  late: Late,
) {
  const common = { ...ground, config, logging, publish, random: Math.random };
  const endpoints: AgentEndpoints = { open: (...args) => standing(late.agentSockets).open(...args) };
  const consumers = new Consumers({ ...ground, logger: logging.child("events") });
  const loops = { manifests: loopManifests(config), inbox: agentInbox(consumers) };
  const workspaces = new Workspaces(config.stateDir);
  const agents = new AgentSupervisor(
    { ...common, ...loops, endpoints, workspaces, logger: logging.child("agents") },
    { ...config.agents, restart: config.restart, loops: config.loops, logDirectory: join(config.stateDir, "logs") },
  );
  const directory = agentDirectory(agents);
  const disconnect = (principal: string) => standing(late.server).disconnect(principal);
  const guards = composeGuards({ ...common, version, contract, agents: directory, credentialsDirectory, disconnect });
  const { approvals, keystore, access } = guards;
  const money = composeMoney({
    ...common,
    approvals,
    keystore,
    agentHold: agentHold(agents),
    findAgent: directory.find,
  });
  const rooms = composeRooms({
    ...common,
    keystore,
    access,
    outbox: () => messaging.outbox,
    calls: () => standing(late.server).local,
  });
  const messaging = composeMessaging({ ...common, consumers, agents: directory, destinations: [rooms.destination] });
  const voice = composeVoice({
    ...common,
    budget: money.budget,
    rooms: rooms.sight,
    loopOf: (agentId) => directory.find(agentId)?.loop,
    listenerUrl: () => wire.listenerUrl(),
  });
  const circuits = circuitGauges({ http: guards.circuits, webhook: messaging.circuits, model: money.circuits });
  const wire = composeWire({
    ...common,
    gauges: [...agentGauges(agents, ground.log), ...money.gauges, ...circuits],
    site: voice.site,
    server: () => standing(late.server),
  });
  return { agents, guards, money, rooms, messaging, voice, wire };
}

function standing<T>(part: T | undefined): T {
  assert(part !== undefined, "nothing is called before the composition is whole");
  return part;
}

function handlersOf(
  { engine, clock, log, store }: Ground,
  config: Config,
  info: BridgeInfo,
  { agents, guards, money, messaging, rooms, voice, wire }: ReturnType<typeof composeDomains>,
): Handlers<MethodName> {
  return {
    ...builtinHandlers(info.version, contract),
    ...bridgeHandlers(info, engine, agents, clock, { keystore: guards.keystore, store }),
    ...checkupHandlers({ store, clock, log, config, listeners: wire.listeners, turn: voice.turn }),
    ...agentHandlers(agents),
    ...loopHandlers(agents),
    ...eventHandlers(log, messaging.consumers, guards.access, agents),
    ...messaging.handlers,
    ...systemHandlers(agents, new HostMeter(config.stateDir)),
    ...guards.handlers,
    ...money.handlers,
    ...wire.handlers,
    ...rooms.handlers,
    ...voice.handlers,
  };
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
    stateDirectory: config.stateDir,
    runtimeDirectory: config.runtimeDir,
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

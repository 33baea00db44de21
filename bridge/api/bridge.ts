import type { EngineStatus, MethodsOf } from "@armorclaw/protocol";
import type { AgentSupervisor } from "../agents/index.ts";
import type { Engine } from "../containers/index.ts";
import type { Doctor } from "../doctor/index.ts";
import type { BridgeInfo } from "../lifecycle/bridge-state.ts";
import type { LoopMonitor } from "../lifecycle/index.ts";
import type { Clock } from "../platform/clock.ts";
import type { Handlers } from "../rpc/index.ts";

/** Time for the engine to answer a health check. */
const enginePingDeadlineMs = 5_000;

export interface BridgeHandlerDeps {
  readonly info: BridgeInfo;
  readonly engine: Engine;
  readonly agents: AgentSupervisor;
  readonly clock: Clock;
  readonly keystore: { readonly isUnlocked: boolean };
  readonly store: { readonly shortage: "none" | "spent" };
  readonly doctor: Doctor;
  readonly loop: Pick<LoopMonitor, "state">;
}

export function bridgeHandlers(deps: BridgeHandlerDeps): Handlers<MethodsOf<"bridge">> {
  const { info, engine, agents, clock, doctor } = deps;
  return {
    "bridge.status": () => {
      const all = agents.list(true);
      const running = all.filter(({ state }) => state === "running");
      const containerIds = running.flatMap(({ containerId }) => (containerId === null ? [] : [containerId]));
      return {
        version: info.version,
        state: info.state,
        status: info.state,
        install_id: info.installId,
        pid: info.pid,
        uptime_ms: Math.round(clock.monotonic() - info.startedMonotonicMs),
        started_at: new Date(info.startedAtMs).toISOString(),
        socket: info.socketPath,
        state_dir: info.stateDirectory,
        runtime_dir: info.runtimeDirectory,
        engine: engine.status,
        peer_credentials: info.peerCredentials,
        agents: { running: running.length, total: all.length },
        containers: containerIds.length,
        container_ids: containerIds,
        memory_bytes: info.residentBytes(),
        engine_reachable: agents.isEngineReachable,
        panic: panicOf(agents),
      };
    },
    "bridge.health": () => healthOf(deps),
    "bridge.doctor": async () => {
      const checks = await doctor.examine();
      return { status: checks.some(({ status }) => status === "trouble") ? "trouble" : "ok", checks };
    },
    "bridge.panic": async ({ reason }) => {
      const report = await agents.panic(reason);
      return { agents: report.agents, frozen_ms: report.frozenMs, killed_ms: report.killedMs };
    },
    "bridge.resume": async () => ({ agents: await agents.resume() }),
    "bridge.shutdown": ({ grace_ms }) => {
      info.shutdown(grace_ms);
      return { status: "draining" };
    },
  };
}

export interface BridgeHealth {
  readonly status: "ok" | "degraded";
  readonly checks: Check[];
}

/** Checks the engine, the bridge's state, the keystore, the store, the routes of alerts and every agent. */
export async function healthOf(deps: Omit<BridgeHandlerDeps, "clock">): Promise<BridgeHealth> {
  const { info, engine, agents, loop, doctor } = deps;
  const { isWell, message } = loop.state;
  const [engineCheck, alerts] = await Promise.all([checkEngine(engine), checkAlerts(doctor)]);
  const own = [checkState(info.state), check("loop", isWell, message), ...checkKept(deps), alerts];
  const checks = [engineCheck, ...own, ...checkAgents(agents)];
  return { status: checks.every(({ status }) => status === "ok") ? "ok" : "degraded", checks };
}

type Check = { name: string; status: "ok" | "degraded"; message: string };

const check = (name: string, isOk: boolean, message: string): Check => ({
  name,
  status: isOk ? "ok" : "degraded",
  message,
});

async function checkEngine(engine: Engine): Promise<Check> {
  const { version, isolation }: EngineStatus = engine.status;
  try {
    await engine.ping(AbortSignal.timeout(enginePingDeadlineMs));
  } catch (error) {
    return check("engine", false, error instanceof Error ? error.message : String(error));
  }
  return check(
    "engine",
    isolation !== "none",
    isolation === "none" ? `${version} isolates nothing` : `${version} answers`,
  );
}

function panicOf({ panicked }: AgentSupervisor): { since: string; reason: string } | null {
  return panicked === undefined ? null : { since: new Date(panicked.sinceMs).toISOString(), reason: panicked.reason };
}

function checkKept({ keystore, store }: Pick<BridgeHandlerDeps, "keystore" | "store">): Check[] {
  const { isUnlocked } = keystore;
  const isRoomy = store.shortage === "none";
  return [
    check("keystore", isUnlocked, isUnlocked ? "It is unlocked" : "It is locked: `armorclaw keystore unlock` opens it"),
    check(
      "store",
      isRoomy,
      isRoomy ? "It has room" : "The disk is full, and the room that was kept for that is in use: free some on it",
    ),
  ];
}

/** A bridge without a route for alerts is well, and the message says that alerts go nowhere. */
async function checkAlerts(doctor: Doctor): Promise<Check> {
  const findings = await doctor.alerts();
  const silent = findings.filter(({ status }) => status === "trouble");
  const shown = silent.length > 0 ? silent : findings;
  return check("alerts", silent.length === 0, shown.map(({ found }) => found).join(". "));
}

const checkState = (state: string): Check => check("bridge", state === "running", `The bridge is ${state}`);

function checkAgents(agents: AgentSupervisor): Check[] {
  return agents
    .list(true)
    .filter(({ state }) => state !== "stopped")
    .map(({ agentId, state, message }) =>
      check(
        agentId,
        state === "running" || state === "suspended",
        message === null ? `${agentId} is ${state}` : `${agentId} is ${state}: ${message}`,
      ),
    );
}

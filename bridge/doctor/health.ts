import type { AgentState } from "@armorclaw/protocol";
import type { Engine } from "../containers/index.ts";
import type { Doctor } from "./doctor.ts";
import { messageOf } from "./finding.ts";

/** Time for the engine to answer a health check. */
const enginePingDeadlineMs = 5_000;

export interface HealthDeps {
  readonly info: { readonly state: string };
  readonly engine: Pick<Engine, "status" | "ping">;
  readonly agents: {
    list(includeResting: boolean): readonly {
      readonly agentId: string;
      readonly state: AgentState;
      readonly message: string | null;
    }[];
  };
  readonly keystore: { readonly isUnlocked: boolean };
  readonly store: { readonly shortage: "none" | "spent" };
  /** Whether the one thread that serves everybody is free. */
  readonly loop: { readonly state: { readonly isWell: boolean; readonly message: string } };
  readonly audit: { readonly standing: { readonly isWhole: boolean; readonly message: string } };
  readonly doctor: Pick<Doctor, "alerts">;
}

interface HealthCheck {
  readonly name: string;
  readonly status: "ok" | "degraded";
  readonly message: string;
}

export interface Health {
  readonly status: "ok" | "degraded";
  readonly checks: readonly HealthCheck[];
  readonly agentsRunning: number;
}

/** Checks the engine, the bridge's state, the keystore, the store, the audit record, the routes of alerts and every agent. */
export async function examineHealth({
  info,
  engine,
  agents,
  keystore,
  store,
  loop,
  audit,
  doctor,
}: HealthDeps): Promise<Health> {
  const all = agents.list(true);
  const isRoomy = store.shortage === "none";
  const [engineCheck, alerts] = await Promise.all([checkEngine(engine), checkAlerts(doctor)]);
  const checks = [
    engineCheck,
    check("bridge", info.state === "running", `The bridge is ${info.state}`),
    check("loop", loop.state.isWell, loop.state.message),
    check(
      "keystore",
      keystore.isUnlocked,
      keystore.isUnlocked ? "It is unlocked" : "It is locked: `armorclaw keystore unlock` opens it",
    ),
    check(
      "store",
      isRoomy,
      isRoomy ? "It has room" : "The disk is full, and the room that was kept for that is in use: free some on it",
    ),
    check("audit", audit.standing.isWhole, audit.standing.message),
    alerts,
    ...all
      .filter(({ state }) => state !== "stopped")
      .map(({ agentId, state, message }) =>
        check(
          agentId,
          state === "running" || state === "suspended",
          message === null ? `${agentId} is ${state}` : `${agentId} is ${state}: ${message}`,
        ),
      ),
  ];
  const status = checks.every((one) => one.status === "ok") ? "ok" : "degraded";
  return { status, checks, agentsRunning: all.filter(({ state }) => state === "running").length };
}

const check = (name: string, isOk: boolean, message: string): HealthCheck => ({
  name,
  status: isOk ? "ok" : "degraded",
  message,
});

/** A bridge without a route for alerts is well, and the message says that alerts go nowhere. */
async function checkAlerts(doctor: Pick<Doctor, "alerts">): Promise<HealthCheck> {
  const findings = await doctor.alerts();
  const silent = findings.filter(({ status }) => status === "trouble");
  const shown = silent.length > 0 ? silent : findings;
  return check("alerts", silent.length === 0, shown.map(({ found }) => found).join(". "));
}

async function checkEngine(engine: Pick<Engine, "status" | "ping">): Promise<HealthCheck> {
  const { version, isolation } = engine.status;
  try {
    await engine.ping(AbortSignal.timeout(enginePingDeadlineMs));
  } catch (error) {
    return check("engine", false, messageOf(error));
  }
  return check(
    "engine",
    isolation !== "none",
    isolation === "none" ? `${version} isolates nothing` : `${version} answers`,
  );
}

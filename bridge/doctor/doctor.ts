import { join } from "node:path";
import type { DoctorCheck } from "@armorclaw/protocol";
import type { TurnSettings } from "../adapters/webrtc/index.ts";
import type { AuditStanding } from "../audit/index.ts";
import type { Config } from "../config/index.ts";
import type { DurableEventLog } from "../events/index.ts";
import type { Clock } from "../platform/clock.ts";
import { isOutOfDescriptors } from "../platform/os/descriptors.ts";
import type { Store } from "../store/index.ts";
import { checkAlerts, type JoinedRooms } from "./alert-check.ts";
import { checkCalls } from "./call-check.ts";
import { ClockCheck } from "./clock-check.ts";
import { checkDescriptors } from "./descriptor-check.ts";
import { ok, trouble } from "./finding.ts";
import { checkListeners, type ListenerAddress } from "./listener-check.ts";
import { checkDisk, checkStore } from "./store-check.ts";

export interface DoctorDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: DurableEventLog;
  readonly config: Config;
  readonly loop: { readonly state: { readonly isWell: boolean; readonly message: string } };
  readonly audit: { readonly standing: AuditStanding };
  /** The configured listeners. */
  readonly listeners: () => readonly ListenerAddress[];
  /** Where browsers find the call page; undefined when no listener serves it. */
  readonly callPageUrl: () => string | undefined;
  /** The rooms that the bridge is in. */
  readonly rooms: () => Promise<JoinedRooms>;
  /** Undefined when calls are switched off. */
  readonly turn: TurnSettings | undefined;
}

/** Examines the running bridge: store, disk, clock, listeners and calls. */
export class Doctor {
  readonly #deps: DoctorDeps;
  readonly #clockCheck: ClockCheck;

  constructor(deps: DoctorDeps) {
    this.#deps = deps;
    this.#clockCheck = new ClockCheck(deps.clock, deps.log);
  }

  async examine(): Promise<{ status: "ok" | "trouble"; checks: DoctorCheck[] }> {
    const { store, clock, config, listeners, callPageUrl, rooms, turn } = this.#deps;
    const all = await Promise.all([
      found(() => checkStore(store, clock, join(config.stateDir, "store.db"))),
      found(() => checkDisk(config.stateDir, config.alerts.diskFreeBytesMin)),
      found(() => this.#clockCheck.run()),
      found(() => checkListeners(listeners(), clock)),
      found(() => checkCalls(turn, callPageUrl(), clock)),
      found(async () => checkAlerts(store, config, await rooms())),
      found(() => checkAudit(this.#deps.audit.standing, config.audit.anchorFile)),
      found(() => checkLoop(this.#deps.loop.state)),
      found(() => checkDescriptors(config.agents.max, config.rpc.connectionsMax)),
    ]);
    const checks = all.flat();
    return { status: checks.some(({ status }) => status === "trouble") ? "trouble" : "ok", checks };
  }

  /** Whether alerts can reach somebody, as far as it is known at once: for the health check. */
  async alerts(): Promise<DoctorCheck[]> {
    return checkAlerts(this.#deps.store, this.#deps.config, await this.#deps.rooms());
  }
}

/** Checks whether the one thread that serves everybody was free. */
function checkLoop({ isWell, message }: DoctorDeps["loop"]["state"]): DoctorCheck {
  if (isWell) return ok("loop", message);
  return trouble(
    "loop",
    message,
    "Run `armorclaw events --channel bridge.stalled` to see whose calls kept it, and stop that agent",
  );
}

function checkAudit({ isWhole, message }: AuditStanding, anchorFile: string): DoctorCheck {
  if (isWhole) return ok("audit", message);
  return trouble(
    "audit",
    message,
    `Run \`armorclaw audit verify\`. Where you restored a backup yourself, move ${anchorFile} away and start the bridge again`,
  );
}

type Findings = DoctorCheck | readonly DoctorCheck[];

/** A check that had no descriptor to look with finds nothing: the check of descriptors says so. */
async function found(check: () => Findings | Promise<Findings>): Promise<Findings> {
  try {
    return await check();
  } catch (error) {
    if (isOutOfDescriptors(error)) return [];
    throw error;
  }
}

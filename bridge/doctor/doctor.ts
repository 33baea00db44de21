import { join } from "node:path";
import type { DoctorCheck } from "@armorclaw/protocol";
import type { TurnSettings } from "../adapters/webrtc/index.ts";
import type { Config } from "../config/index.ts";
import type { DurableEventLog } from "../events/index.ts";
import type { Clock } from "../platform/clock.ts";
import type { Store } from "../store/index.ts";
import { checkAlerts } from "./alert-check.ts";
import { checkCalls } from "./call-check.ts";
import { ClockCheck } from "./clock-check.ts";
import { checkListeners, type ListenerAddress } from "./listener-check.ts";
import { checkDisk, checkStore } from "./store-check.ts";

export interface DoctorDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: DurableEventLog;
  readonly config: Config;
  /** The configured listeners. */
  readonly listeners: () => readonly ListenerAddress[];
  /** Where browsers find the call page; undefined when no listener serves it. */
  readonly callPageUrl: () => string | undefined;
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

  async examine(): Promise<DoctorCheck[]> {
    const { store, clock, config, listeners, callPageUrl, turn } = this.#deps;
    const checks = await Promise.all([
      checkStore(store, clock, join(config.stateDir, "store.db")),
      checkDisk(config.stateDir, config.alerts.diskFreeBytesMin),
      this.#clockCheck.run(),
      checkListeners(listeners(), clock),
      checkCalls(turn, callPageUrl(), clock),
      checkAlerts(store, config),
    ]);
    return checks.flat();
  }
}

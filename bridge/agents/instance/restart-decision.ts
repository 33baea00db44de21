import type { BridgeError, ExitInfo, LoopManifest } from "@armorclaw/protocol";
import { type BackOff, backOff } from "../../platform/retry.ts";

/*
 * What happens when an agent dies, decided in this order:
 *
 *   the run ended because                                 | state after it     | then
 *   ------------------------------------------------------|--------------------|----------------------------------
 *   the agent was asked to stop                           | stopped            | nothing
 *   the agent was idle                                    | suspended          | waits for an event, message, task
 *   its container could not be taken over                 | backoff            | a new start at once
 *   its start failed and trying again cannot help         | failed             | nothing (cannot-start)
 *   the engine did not answer                             | engine-unreachable | a new start when it answers
 *   its work is complete, and the loop is not restarted   | stopped, suspended | waits if the loop has `idle`
 *   it failed, and the loop is not restarted              | failed             | nothing (ended)
 *   it ended, and failed too often within the window      | failed             | nothing (crash-loop)
 *   it ended                                              | backoff            | a new start after the back-off
 */

/** What follows the end of a run. */
export type Decision =
  | { readonly state: "backoff"; readonly waitMs: number; readonly message: string }
  | { readonly state: "engine-unreachable"; readonly message: string }
  | { readonly state: "suspended" }
  | { readonly state: "stopped"; readonly message: string | null; readonly isStillDesired: boolean }
  | {
      readonly state: "failed";
      readonly cause: "crash-loop" | "cannot-start" | "ended";
      readonly message: string;
      /** Whether the next bridge starts the agent again. */
      readonly isStillDesired: boolean;
    };

export interface RunEnd {
  /** Set when the agent was asked to stop. */
  readonly stop: { readonly message: string | null } | undefined;
  /** Why the start failed, if it did. */
  readonly failure: BridgeError | undefined;
  /** How the container ended, if it had run. */
  readonly exit: ExitInfo | null;
  readonly restart: LoopManifest["restart"];
  /** `now`: the run was ended because the agent was idle. `when-done`: an agent whose work is complete waits for more. */
  readonly suspends: "now" | "when-done" | "never";
  /** Whether a failed first start is tried again: no caller waits for that very start. */
  readonly keepsTrying: boolean;
  /** Whether the agent has said hello since it was last asked to start. */
  readonly hasRun: boolean;
  /** Whether the run began with the container of an earlier bridge. */
  readonly wasAdoption: boolean;
  /** Counts a failure. Returns the wait in milliseconds, or undefined in a crash loop. */
  readonly countFailure: () => number | undefined;
}

/** Failures of a start that another attempt cannot mend. */
const permanent: ReadonlySet<string> = new Set([
  "IMAGE_BUILD_FAILED",
  "ISOLATION_REFUSED",
  "ATTESTATION_FAILED",
  "SOCKET_PATH_TOO_LONG",
  "RUNTIME_UNKNOWN",
]);

export function decideNext(end: RunEnd): Decision {
  const { stop, failure, exit, restart, suspends, hasRun, wasAdoption } = end;
  if (stop !== undefined) return { state: "stopped", message: stop.message, isStillDesired: true };
  if (suspends === "now" && failure === undefined) return { state: "suspended" };
  const why = failure?.message ?? exit?.message ?? "It ended";
  // A failed adoption does not count as a crash.
  if (failure !== undefined && wasAdoption) return { state: "backoff", waitMs: 0, message: why };
  if (failure !== undefined && (permanent.has(failure.code) || !(end.keepsTrying || hasRun)))
    return { state: "failed", cause: "cannot-start", message: why, isStillDesired: hasRun };
  if (failure?.code === "ENGINE_UNAVAILABLE") return { state: "engine-unreachable", message: why };
  const isComplete = failure === undefined && exit?.reason === "completed";
  if (restart === "never" || (restart === "on-failure" && isComplete)) {
    if (!isComplete) return { state: "failed", cause: "ended", message: why, isStillDesired: true };
    return suspends === "never" ? { state: "stopped", message: why, isStillDesired: false } : { state: "suspended" };
  }
  const waitMs = end.countFailure();
  if (waitMs !== undefined) return { state: "backoff", waitMs, message: why };
  const message = `It ended too often to be started again; the last time: ${why}`;
  return { state: "failed", cause: "crash-loop", message, isStillDesired: true };
}

export interface RestartSettings {
  readonly initialMs: number;
  readonly maxMs: number;
  /** The waits start over after an agent ran for this long. */
  readonly healthyAfterMs: number;
  /** This many failures within the window are a crash loop. */
  readonly failuresMax: number;
  readonly windowMs: number;
}

/** The share of each wait that is random, so that agents that died together do not start together. */
const jitter = 0.2;

/** How long to wait before a restart: not at all after the first failure, then with exponential back-off up to a crash loop. */
export class RestartPolicy {
  readonly #settings: RestartSettings;
  readonly #backOff: BackOff;
  #failedAtMs: number[] = [];
  #failuresInARow = 0;

  /** @param random draws from [0, 1) */
  constructor(settings: RestartSettings, random: () => number) {
    this.#settings = settings;
    this.#backOff = backOff({ firstMs: settings.initialMs, maxMs: settings.maxMs, jitter, random });
  }

  /** Forgets all failures: a person asked for the start. */
  reset(): void {
    this.#failedAtMs = [];
    this.#failuresInARow = 0;
  }

  /**
   * Records that the agent ended.
   * @param nowMs monotonic
   * @param ranMs how long the agent had run
   * @returns the wait in milliseconds, or undefined in a crash loop
   */
  failed(nowMs: number, ranMs: number): number | undefined {
    const { healthyAfterMs, failuresMax, windowMs } = this.#settings;
    if (ranMs >= healthyAfterMs) this.#failuresInARow = 0;
    this.#failedAtMs = [...this.#failedAtMs.filter((at) => nowMs - at < windowMs), nowMs];
    if (this.#failedAtMs.length >= failuresMax) return undefined;
    this.#failuresInARow += 1;
    return this.#failuresInARow === 1 ? 0 : this.#backOff(this.#failuresInARow - 1);
  }
}

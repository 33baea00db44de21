import type { Logger } from "../../../logging/index.ts";
import type { Clock, Timer } from "../../../platform/clock.ts";
import { backOff } from "../../../platform/retry.ts";
import type { LinkState, WorkerNotice, WorkerOptions } from "../protocol/worker-protocol.ts";
import { WorkerClient } from "./worker-client.ts";

/** The worker is restarted when no sync returned for this many poll times. */
const silentPolls = 2.5;
/** The least time that a start, or the probe of a homeserver that does not answer, is given. */
const silentMsMin = 10_000;
const probingMsMin = 60_000;
const restartWaitMs = backOff({ firstMs: 500, maxMs: 60_000 });
/** A link that was live for this long resets the wait before a restart. */
const healthyAfterMs = 60_000;

export type LinkStatus = "connecting" | LinkState | "restarting" | "logged_out";

/** The notices that the supervisor passes on. It handles all others itself. */
export type RoomNotice = Exclude<WorkerNotice, { kind: "link" | "logged_out" | "log" | "fatal" }>;

export interface WorkerSupervisorDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the homeserver may hold a sync without news. */
  readonly pollMs: number;
  /** Read again at each start. */
  readonly options: () => WorkerOptions;
  readonly message: (message: RoomNotice, link: WorkerClient) => void;
  readonly stateChanged: (state: LinkStatus, reason: string | undefined) => void;
}

/** Restarts the worker when it ends, fails or falls silent. */
export class WorkerSupervisor {
  readonly #deps: WorkerSupervisorDeps;
  #link: WorkerClient | undefined;
  #watch: Timer | undefined;
  #pendingStart: Timer | undefined;
  #state: LinkStatus = "connecting";
  #lastSignMs = 0;
  #liveSinceMs: number | undefined;
  /** Failures since the link was healthy. */
  #failures = 0;
  #ending: Promise<void> = Promise.resolve();
  #isStopped = false;
  /** After a soft logout the next login keeps the device and its keys. */
  isSoftLogout = false;
  restarts = 0;
  lastSyncAtMs: number | undefined;
  lastError: string | undefined;

  constructor(deps: WorkerSupervisorDeps) {
    this.#deps = deps;
  }

  get state(): LinkStatus {
    return this.#state;
  }

  /** Undefined between an end and the next start. */
  get link(): WorkerClient | undefined {
    return this.#link;
  }

  start(): void {
    this.#launch();
    this.#watch = this.#deps.clock.every(silentMsMin / 4, () => this.#check());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#watch?.cancel();
    this.#pendingStart?.cancel();
    const link = this.#link;
    this.#link = undefined;
    await link?.stop();
    await this.#ending;
  }

  #launch(): void {
    const { clock, options } = this.#deps;
    this.#lastSignMs = clock.monotonic();
    this.#link = new WorkerClient(options(), clock, {
      message: (message) => this.#onNotice(message),
      ended: (error) => {
        this.#link = undefined;
        this.#restart(error instanceof Error ? error.message : String(error));
      },
    });
  }

  #onNotice(message: WorkerNotice): void {
    const { clock, logger } = this.#deps;
    // Notices that arrive after the logout are ignored.
    if (this.#state === "logged_out") return;
    switch (message.kind) {
      case "link":
        this.#lastSignMs = clock.monotonic();
        if (message.state === "live") {
          this.#liveSinceMs ??= clock.monotonic();
          this.lastSyncAtMs = clock.now();
          this.lastError = undefined;
          if (clock.monotonic() - this.#liveSinceMs > healthyAfterMs) this.#failures = 0;
        }
        this.#become(message.state, undefined);
        break;
      case "logged_out":
        this.#end(undefined);
        this.isSoftLogout = message.isSoft;
        this.lastError = message.reason;
        this.#watch?.cancel();
        this.#become("logged_out", message.reason);
        break;
      case "log":
        // The SDK logs much at level info, which is of use for debugging only.
        if (message.level === "error" || message.level === "warn")
          logger.warn({ sdk: message.message }, "the Matrix SDK warned");
        else logger.debug({ sdk: message.message }, "the Matrix SDK logged");
        break;
      case "fatal":
        this.#end(message.message);
        break;
      default:
        if (this.#link !== undefined) this.#deps.message(message, this.#link);
    }
  }

  #check(): void {
    const { clock, pollMs } = this.#deps;
    const silentMs = clock.monotonic() - this.#lastSignMs;
    const boundMs = Math.max(silentPolls * pollMs, this.#state === "reconnecting" ? probingMsMin : silentMsMin);
    if (this.#link !== undefined && silentMs > boundMs)
      this.#end(`no sync came back for ${Math.round(silentMs / 1000)} s`);
  }

  /** @param restartFor the reason to restart the worker. Without one it stays stopped. */
  #end(restartFor: string | undefined): void {
    const link = this.#link;
    if (link === undefined) return;
    this.#link = undefined;
    this.#ending = link
      .stop()
      .catch((error: unknown) => this.#deps.logger.warn({ error }, "the Matrix worker did not stop cleanly"))
      .finally(() => {
        if (restartFor !== undefined) this.#restart(restartFor);
      });
  }

  #restart(reason: string): void {
    if (this.#isStopped || this.#state === "logged_out") return;
    this.restarts += 1;
    this.lastError = reason;
    this.#liveSinceMs = undefined;
    this.#failures += 1;
    const waitMs = restartWaitMs(this.#failures);
    this.#deps.logger.warn({ reason, wait_ms: waitMs }, "the Matrix worker is restarted");
    this.#become("restarting", reason);
    this.#pendingStart = this.#deps.clock.after(waitMs, () => this.#launch());
  }

  #become(state: LinkStatus, reason: string | undefined): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#deps.stateChanged(state, reason);
  }
}

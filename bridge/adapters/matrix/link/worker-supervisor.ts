import type { Logger } from "../../../logging/index.ts";
import type { Clock, Timer } from "../../../platform/clock.ts";
import type { LinkState, WorkerNotice, WorkerOptions } from "../protocol/worker-protocol.ts";
import { WorkerClient } from "./worker-client.ts";

/** A link is silent for too long after so many times the time that the homeserver may hold a sync. */
const silentPolls = 2.5;
/** So long a start, or a probe of a homeserver that does not answer, may take. */
const silentMsMin = 10_000;
const probingMsMin = 60_000;
const restartMinMs = 500;
const restartMaxMs = 60_000;
/** After this long live, the wait before a restart starts over. */
const healthyAfterMs = 60_000;

export type LinkStatus = "connecting" | LinkState | "restarting" | "logged_out";

/** What the keeper passes on: everything but what it deals with itself. */
export type LinkMessage = Exclude<WorkerNotice, { kind: "link" | "logged_out" | "log" | "fatal" }>;

export interface WorkerSupervisorDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the homeserver may hold a sync that has nothing to tell. */
  readonly pollMs: number;
  /** Read anew at each start. */
  readonly options: () => WorkerOptions;
  readonly message: (message: LinkMessage, link: WorkerClient) => void;
  readonly stateChanged: (state: LinkStatus, reason: string | undefined) => void;
}

/** Keeps a worker running: starts it again when it ends, fails or falls silent. */
export class WorkerSupervisor {
  readonly #deps: WorkerSupervisorDeps;
  #link: WorkerClient | undefined;
  #watch: Timer | undefined;
  #pendingStart: Timer | undefined;
  #state: LinkStatus = "connecting";
  #lastSignMs = 0;
  #liveSinceMs: number | undefined;
  #waitMs = restartMinMs;
  #ending: Promise<void> = Promise.resolve();
  #isStopped = false;
  /** After a soft logout the device and its keys go on when somebody logs in again. */
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
      message: (message) => this.#heard(message),
      ended: (error) => {
        this.#link = undefined;
        this.#restart(error instanceof Error ? error.message : String(error));
      },
    });
  }

  #heard(message: WorkerNotice): void {
    const { clock, logger } = this.#deps;
    // What it still had to say.
    if (this.#state === "logged_out") return;
    switch (message.kind) {
      case "link":
        this.#lastSignMs = clock.monotonic();
        if (message.state === "live") {
          this.#liveSinceMs ??= clock.monotonic();
          this.lastSyncAtMs = clock.now();
          this.lastError = undefined;
          if (clock.monotonic() - this.#liveSinceMs > healthyAfterMs) this.#waitMs = restartMinMs;
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
        // The SDK is talkative: what it calls information is ours to debug with.
        if (message.level === "error" || message.level === "warn")
          logger.warn({ sdk: message.message }, "the Matrix SDK warns");
        else logger.debug({ sdk: message.message }, "the Matrix SDK says");
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

  /** @param restartFor why it is started again; it is not when there is no reason */
  #end(restartFor: string | undefined): void {
    const link = this.#link;
    if (link === undefined) return;
    this.#link = undefined;
    this.#ending = link
      .stop()
      .catch((error: unknown) => this.#deps.logger.warn({ error }, "the Matrix worker did not stop in good order"))
      .finally(() => {
        if (restartFor !== undefined) this.#restart(restartFor);
      });
  }

  #restart(reason: string): void {
    if (this.#isStopped || this.#state === "logged_out") return;
    this.restarts += 1;
    this.lastError = reason;
    this.#liveSinceMs = undefined;
    this.#deps.logger.warn({ reason, wait_ms: this.#waitMs }, "the Matrix link is started anew");
    this.#become("restarting", reason);
    this.#pendingStart = this.#deps.clock.after(this.#waitMs, () => this.#launch());
    this.#waitMs = Math.min(restartMaxMs, this.#waitMs * 2);
  }

  #become(state: LinkStatus, reason: string | undefined): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#deps.stateChanged(state, reason);
  }
}

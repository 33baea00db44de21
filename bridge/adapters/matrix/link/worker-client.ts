import { Worker } from "node:worker_threads";
import { BridgeError } from "@armorclaw/protocol/errors";
import type {
  CallMessage,
  CallName,
  WorkerCalls,
  WorkerFailure,
  WorkerMessage,
  WorkerOptions,
} from "../protocol/worker-protocol.ts";

/** Calls that may wait for the worker at once. */
const pendingMax = 2000;

const errorCodes = {
  not_ready: "MATRIX_NOT_READY",
  rate_limited: "MATRIX_RATE_LIMITED",
  unreachable: "MATRIX_UNREACHABLE",
  refused: "MATRIX_REFUSED",
  logged_out: "MATRIX_LOGGED_OUT",
} as const;

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface WorkerClientListener {
  readonly message: (message: Exclude<WorkerMessage, { kind: "answer" }>) => void;
  /** The worker is gone, of its own accord. */
  readonly ended: (error: unknown) => void;
}

/** The bridge's end of the worker thread. */
export class WorkerClient {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #isStopped = false;

  constructor(account: WorkerOptions, events: WorkerClientListener) {
    // Sources run as they are, built files as JavaScript.
    const file = import.meta.url.endsWith(".ts") ? "../worker/main.ts" : "../worker/main.js";
    this.#worker = new Worker(new URL(file, import.meta.url), {
      workerData: account,
      name: "matrix",
      // A thread of its own, with nothing of the bridge's environment or flags.
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 768 },
    });
    let failure: unknown;
    this.#worker.on("message", (message: WorkerMessage) => {
      if (message.kind === "answer") this.#answered(message);
      else events.message(message);
    });
    this.#worker.on("error", (error) => {
      failure = error;
    });
    this.#worker.on("exit", (code) => {
      this.#rejectAll();
      if (!this.#isStopped) events.ended(failure ?? new Error(`the worker ended with code ${code}`));
    });
  }

  /** @throws BridgeError of the 1400 block, or the signal's reason */
  call<C extends CallName>(
    call: C,
    params: WorkerCalls[C]["params"],
    signal?: AbortSignal,
  ): Promise<WorkerCalls[C]["result"]> {
    if (this.#isStopped || this.#pending.size >= pendingMax) return Promise.reject(new BridgeError("MATRIX_NOT_READY"));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const onAbort = () => {
        this.#pending.delete(id);
        reject(signal?.reason);
      };
      const settled = () => signal?.removeEventListener("abort", onAbort);
      this.#pending.set(id, {
        resolve: (result) => {
          settled();
          resolve(result as WorkerCalls[C]["result"]);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
      signal?.addEventListener("abort", onAbort, { once: true });
      const message: CallMessage = { id, call, params };
      this.#worker.postMessage(message);
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#worker.terminate();
    this.#rejectAll();
  }

  #answered({ id, result, failure }: Extract<WorkerMessage, { kind: "answer" }>): void {
    const pending = this.#pending.get(id);
    if (pending === undefined || !this.#pending.delete(id)) return;
    if (failure === undefined) pending.resolve(result);
    else pending.reject(failureError(failure));
  }

  #rejectAll(): void {
    for (const { reject } of this.#pending.values())
      reject(new BridgeError("MATRIX_NOT_READY", "The link to the homeserver was started anew meanwhile"));
    this.#pending.clear();
  }
}

function failureError({ kind, message, retryAfterMs }: WorkerFailure): Error {
  if (kind === "bug") return new Error(`the Matrix worker: ${message}`);
  const details = retryAfterMs === undefined ? undefined : { retry_after_ms: retryAfterMs };
  return new BridgeError(errorCodes[kind], message, details);
}

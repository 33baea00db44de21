import { BridgeError } from "@armorclaw/protocol/errors";
import type { Clock } from "../../../platform/clock.ts";
import { WorkerRpcClient } from "../../../platform/worker-rpc.ts";
import type { WorkerFailure, WorkerMethods, WorkerNotice, WorkerOptions } from "../protocol/worker-protocol.ts";

const inFlightMax = 2000;
/** Callers pass signals of their own. This one bounds a call whose answer was lost. */
const deadlineMs = 300_000;

const errorCodes = {
  not_ready: "MATRIX_NOT_READY",
  rate_limited: "MATRIX_RATE_LIMITED",
  unreachable: "MATRIX_UNREACHABLE",
  refused: "MATRIX_REFUSED",
  logged_out: "MATRIX_LOGGED_OUT",
} as const;

export interface WorkerClientListener {
  readonly message: (notice: WorkerNotice) => void;
  /** The worker has ended although nobody stopped it. */
  readonly ended: (error: unknown) => void;
}

/** The bridge's end of the worker thread. */
export class WorkerClient {
  readonly #rpc: WorkerRpcClient<WorkerMethods, WorkerNotice, never, WorkerFailure>;

  constructor(options: WorkerOptions, clock: Clock, listener: WorkerClientListener) {
    this.#rpc = new WorkerRpcClient({
      program: new URL("../worker/main.ts", import.meta.url),
      name: "matrix",
      workerData: options,
      resourceLimits: { maxOldGenerationSizeMb: 768 },
      clock,
      inFlightMax,
      deadlineMs,
      errorOf,
      noAnswer: (why) =>
        new BridgeError("MATRIX_NOT_READY", why === "ended" ? "The Matrix worker was restarted meanwhile" : undefined),
      onNotice: listener.message,
      onExit: listener.ended,
    });
  }

  /** @throws BridgeError of the 1400 block, or the signal's reason */
  call<N extends keyof WorkerMethods>(
    method: N,
    params: WorkerMethods[N]["params"],
    signal?: AbortSignal,
  ): Promise<WorkerMethods[N]["result"]> {
    return this.#rpc.call(method, params, signal);
  }

  stop(): Promise<void> {
    return this.#rpc.terminate();
  }
}

function errorOf({ kind, message, retryAfterMs }: WorkerFailure): Error {
  if (kind === "bug") return new Error(`the Matrix worker: ${message}`);
  const details = retryAfterMs === undefined ? undefined : { retry_after_ms: retryAfterMs };
  return new BridgeError(errorCodes[kind], message, details);
}

import { limits } from "@armorclaw/protocol/limits";
import {
  createJSONRPCErrorResponse,
  createJSONRPCNotification,
  createJSONRPCRequest,
  JSONRPCClient,
  type JSONRPCRequest,
  type JSONRPCResponse,
} from "json-rpc-2.0";
import { ConnectionError, errorFromWire } from "./types/errors.ts";
import type { CallOptions } from "./types/options.ts";

/** A `greeting` is sent before queued calls. An `alone` call never shares a batch with other calls. */
export type CallKind = "call" | "greeting" | "alone";

/** The connection as `Calls` uses it. */
export interface CallCarrier {
  send(id: number, line: string, kind: CallKind): void;
  notify(line: string): void;
  forget(id: number): boolean;
}

/** A started call. */
export interface StartedCall {
  readonly id: number;
  readonly result: Promise<unknown>;
  /** Rejects the call with CANCELLED and notifies the bridge. Has no effect on a settled call. */
  cancel(reason?: unknown): void;
}

/** The calls in flight: their ids, deadlines and cancellation. Every one settles exactly once. */
export class Calls {
  readonly #carrier: CallCarrier;
  readonly #rpc: JSONRPCClient<CallKind>;
  #lastId = 0;

  constructor(carrier: CallCarrier) {
    this.#carrier = carrier;
    this.#rpc = new JSONRPCClient((request: JSONRPCRequest, kind) => this.#send(request, kind));
  }

  start(method: string, params: unknown, options: CallOptions, kind: CallKind = "call"): StartedCall {
    const id = ++this.#lastId;
    if (options.signal?.aborted) return cancelledBefore(id, method, options.signal.reason);
    const cancel = (cause?: unknown) => this.#abandon(id, cancelled(method, cause));
    const { signal, deadlineMs } = options;
    const onAbort = () => cancel(signal?.reason);
    const timer =
      deadlineMs === undefined
        ? undefined
        : setTimeout(
            () =>
              this.#abandon(id, new ConnectionError("TIMEOUT", `${method} was not answered within ${deadlineMs} ms`)),
            deadlineMs,
          );
    signal?.addEventListener("abort", onAbort, { once: true });
    const answer = this.#rpc.requestAdvanced(createJSONRPCRequest(id, method, params ?? {}), kind);
    const result = Promise.resolve(answer).then((response) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      return resultOf(response);
    });
    return { id, result, cancel };
  }

  notify(method: string, params: unknown): void {
    this.#carrier.notify(JSON.stringify(createJSONRPCNotification(method, params)));
  }

  /** Handles an answer. An answer to a settled call is dropped. */
  receive(response: JSONRPCResponse): void {
    this.#carrier.forget(response.id as number);
    this.#rpc.receive(response);
  }

  /** Rejects calls that will not be answered. */
  fail(ids: readonly number[], error: Error): void {
    for (const id of ids) this.#rpc.receive(localFailure(id, error));
  }

  #send(request: JSONRPCRequest, kind: CallKind): void {
    const id = request.id as number;
    try {
      const line = JSON.stringify(request);
      if (line.length * 3 > limits.frameBytesMax && Buffer.byteLength(line) > limits.frameBytesMax) {
        const message = `${request.method} would be a line longer than ${limits.frameBytesMax} bytes`;
        throw new ConnectionError("FRAME_TOO_LARGE", message);
      }
      this.#carrier.send(id, line, kind);
    } catch (error) {
      this.fail([id], error instanceof Error ? error : new Error(String(error)));
    }
  }

  #abandon(id: number, error: ConnectionError): void {
    if (this.#carrier.forget(id)) this.notify("rpc.cancel", { id });
    this.fail([id], error);
  }
}

const cancelled = (method: string, cause: unknown) =>
  new ConnectionError("CANCELLED", `${method} was cancelled`, { cause });

const cancelledBefore = (id: number, method: string, cause: unknown): StartedCall => ({
  id,
  result: Promise.reject(cancelled(method, cause)),
  cancel: () => {},
});

/** Returns a local error answer whose `data` is the exception itself, which JSON from the wire cannot contain. */
const localFailure = (id: number, error: Error) => createJSONRPCErrorResponse(id, 0, error.message, error);

function resultOf(response: JSONRPCResponse): unknown {
  if (response.error === undefined) return response.result;
  const { error } = response;
  throw error.data instanceof Error ? error.data : errorFromWire(error);
}

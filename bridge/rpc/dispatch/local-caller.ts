import type { Principal } from "@armorclaw/protocol";
import { BridgeError, type ErrorCode, errorCatalogue, type WireError } from "@armorclaw/protocol/errors";
import type { Clock } from "../../platform/clock.ts";
import type { RpcLimits } from "../ports/limits.ts";
import type { LentLine, LineBuffers } from "../wire/line-buffers.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { InFlight } from "./in-flight.ts";
import type { MethodTable } from "./method-table.ts";
import type { Caller, RunningCall } from "./running-call.ts";

/** The most stream items that a local call keeps. The items after them are dropped. */
const itemsMax = 200;

export interface LocalAnswer {
  readonly result: unknown;
  /** The first items of a method that streams. */
  readonly items: readonly unknown[];
}

/** Makes calls for principals that have no connection, such as a person in a Matrix room. */
export interface LocalCaller {
  effectOf(method: string): "read" | "write" | undefined;
  /**
   * Calls a method with the limits, the policy, the counters and the correlation ids of a call from a socket. Result and items are
   * plain JSON values, as a client receives them.
   * @throws BridgeError
   */
  call(method: string, params: object, principal: Principal, signal?: AbortSignal): Promise<LocalAnswer>;
}

/** The parts of a server that run calls. */
export interface LocalService {
  readonly dispatcher: Dispatcher;
  readonly table: MethodTable;
}

export interface LocalCallerDeps {
  readonly service: () => LocalService;
  readonly limits: RpcLimits;
  readonly clock: Clock;
  readonly lineBuffers: LineBuffers;
  readonly nextCorrelationId: () => string;
  /** Called after an asynchronous handler has ended. */
  readonly onSettled: () => void;
}

/** The local callers of one server. The calls of one principal share their limits, as on a connection. */
export class LocalCallers implements LocalCaller {
  readonly #deps: LocalCallerDeps;
  /** By principal id; only of principals that have calls in flight. */
  readonly #inFlight = new Map<string, InFlight<RunningCall>>();
  #calls = 0;

  constructor(deps: LocalCallerDeps) {
    this.#deps = deps;
  }

  get inFlight(): Iterable<InFlight<RunningCall>> {
    return this.#inFlight.values();
  }

  effectOf(method: string): "read" | "write" | undefined {
    return this.#deps.service().table.get(method)?.spec.effect;
  }

  async call(method: string, params: object, principal: Principal, signal?: AbortSignal): Promise<LocalAnswer> {
    const { limits, clock, service, lineBuffers, nextCorrelationId } = this.#deps;
    const { dispatcher } = service();
    const inFlight = this.#inFlightOf(principal, dispatcher);
    if (inFlight.handlers >= limits.inFlightMax)
      throw new BridgeError("TOO_MANY_IN_FLIGHT", `${principal.id} has ${limits.inFlightMax} calls in flight already`);
    signal?.throwIfAborted();
    const id = ++this.#calls;
    const onSettled = () => this.#settled(principal, inFlight);
    const peer = new LocalPeer({ principal, inFlight, lineBuffers, nextCorrelationId, onSettled });
    dispatcher.request({ jsonrpc: "2.0", id, method, params }, peer);
    if (inFlight.handlers === 0) this.#inFlight.delete(principal.id);
    // A stream has no deadline of its own on a connection, where its reader can cancel it.
    const deadline = clock.after(limits.callDeadlineMs, () =>
      inFlight.cancel(String(id), new BridgeError("TIMED_OUT")),
    );
    const onAbort = () => inFlight.cancel(String(id));
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await peer.answer;
    } finally {
      deadline.cancel();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Answers the calls whose deadline has passed. */
  expire(now: number): void {
    for (const inFlight of this.#inFlight.values()) inFlight.expire(now);
  }

  #inFlightOf({ id }: Principal, dispatcher: Dispatcher): InFlight<RunningCall> {
    let inFlight = this.#inFlight.get(id);
    if (inFlight === undefined) {
      inFlight = new InFlight((call, reason) => dispatcher.fail(call, reason));
      this.#inFlight.set(id, inFlight);
    }
    return inFlight;
  }

  #settled({ id }: Principal, inFlight: InFlight<RunningCall>): void {
    if (inFlight.handlers === 0 && this.#inFlight.get(id) === inFlight) this.#inFlight.delete(id);
    this.#deps.onSettled();
  }
}

type LocalPeerOptions = Pick<Caller, "principal" | "inFlight" | "lineBuffers" | "nextCorrelationId" | "onSettled">;

/** The caller of one local call: it takes the lines that a connection would send. */
class LocalPeer implements Caller {
  readonly id = 0;
  readonly principal: Principal;
  readonly inFlight: InFlight<RunningCall>;
  readonly lineBuffers: LineBuffers;
  readonly nextCorrelationId: () => string;
  readonly onSettled: () => void;
  readonly streamCredit = Number.POSITIVE_INFINITY;
  readonly #answer = Promise.withResolvers<LocalAnswer>();
  readonly #items: unknown[] = [];

  constructor({ principal, inFlight, lineBuffers, nextCorrelationId, onSettled }: LocalPeerOptions) {
    this.principal = principal;
    this.inFlight = inFlight;
    this.lineBuffers = lineBuffers;
    this.nextCorrelationId = nextCorrelationId;
    this.onSettled = onSettled;
  }

  get answer(): Promise<LocalAnswer> {
    return this.#answer.promise;
  }

  send(line: string | LentLine): void {
    const message = JSON.parse(typeof line === "string" ? line : line.bytes.toString()) as Message;
    if (typeof line !== "string") line.onWritten();
    if ("method" in message) {
      if (this.#items.length < itemsMax) this.#items.push(message.params.item);
    } else if ("error" in message) this.#answer.reject(errorOf(message.error));
    else this.#answer.resolve({ result: message.result, items: this.#items });
  }

  /** A local caller takes no notifications. */
  push(): boolean {
    return false;
  }

  writable(): undefined {
    return undefined;
  }

  /** A local caller has no connection that could close. */
  onClose(): void {}
}

/** What the dispatcher sends: a stream item, an error or a result. */
type Message =
  | { readonly method: "rpc.stream"; readonly params: { readonly item: unknown } }
  | { readonly error: WireError }
  | { readonly result: unknown };

function errorOf({
  message,
  data,
}: {
  readonly message: string;
  readonly data?: Partial<WireError["data"]>;
}): BridgeError {
  const isKnown = data?.code !== undefined && Object.hasOwn(errorCatalogue, data.code);
  return new BridgeError(isKnown ? (data.code as ErrorCode) : "INTERNAL", message, data?.details);
}

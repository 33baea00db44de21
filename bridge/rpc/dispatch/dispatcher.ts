import { BridgeError } from "@armorclaw/protocol/errors";
import { longJsonParts, parseJson } from "@armorclaw/protocol/long-json";
import type { Logger } from "../../logging/index.ts";
import type { Clock } from "../../platform/clock.ts";
import type { RpcLimits } from "../ports/limits.ts";
import {
  errorCodeOf,
  errorText,
  idText,
  idTextOf,
  isRequest,
  isResponse,
  parseError,
  quoted,
  resultText,
  unknownId,
  wireErrorOf,
} from "../wire/envelope.ts";
import { mayHoldRiskyNumber, parseExact } from "../wire/exact-json.ts";
import { structureFault } from "../wire/structure.ts";
import { Batch } from "./batch.ts";
import type { CallPolicy } from "./call-policy.ts";
import { type MethodTable, refusedRole } from "./method-table.ts";
import { type Caller, RunningCall } from "./running-call.ts";

export interface DispatcherOptions {
  readonly table: MethodTable;
  readonly limits: RpcLimits;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly policy: CallPolicy;
}

/** Turns the text of a line into an answer. A handler that returns a plain value is answered synchronously, without a promise. */
export class Dispatcher {
  /** Whether methods that write are refused, because the server drains. */
  refusesWrites = false;
  /** The method that was called last, for reports of what has kept the thread. */
  lastMethod = "";
  readonly #options: DispatcherOptions;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** @param isRisky whether the text that the line is part of may hold a risky number */
  line(line: string, isRisky: boolean, caller: Caller): void {
    const { limits } = this.#options;
    const fault = structureFault(line, limits);
    if (fault !== undefined) {
      caller.countInvalid?.();
      caller.send(errorText(unknownId, new BridgeError("INVALID_REQUEST", fault).toWire()));
      return;
    }
    let value: unknown;
    let exact = false;
    try {
      const read = isRisky && mayHoldRiskyNumber(line) ? parseExact(line) : { value: parseJson(line), written: 0 };
      value = read.value;
      exact = read.written > 0;
    } catch (error) {
      caller.countInvalid?.();
      caller.send(errorText(unknownId, error instanceof BridgeError ? error.toWire() : parseError(line)));
      return;
    }
    if (Array.isArray(value)) this.#batch(value, exact, caller);
    else this.#one(value, exact, caller, undefined);
  }

  /** Runs a request that is a value already. */
  request(request: object, caller: Caller): void {
    this.#one(request, false, caller, undefined);
  }

  /** Answers a call with an error, if it has not been answered. */
  fail(call: RunningCall, thrown: unknown): void {
    if (call.isAnswered) {
      this.#options.logger.debug(
        { ...facts(call), error: thrown },
        "A handler failed after the call had been answered",
      );
      return;
    }
    call.answer(this.#errorText(call, thrown));
    this.#observe(call, errorCodeOf(thrown));
  }

  #batch(values: readonly unknown[], exact: boolean, caller: Caller): void {
    const { batchMax } = this.#options.limits;
    if (values.length === 0 || values.length > batchMax) {
      const message = values.length === 0 ? "The batch is empty" : `The batch has more than ${batchMax} requests`;
      caller.send(errorText(unknownId, new BridgeError("INVALID_REQUEST", message).toWire()));
      return;
    }
    const batch = new Batch((text) => caller.send(text));
    for (const value of values) this.#one(value, exact, caller, batch);
    batch.settle(undefined);
  }

  #one(value: unknown, exact: boolean, caller: Caller, batch: Batch | undefined): void {
    batch?.expect();
    if (!isRequest(value)) {
      caller.countInvalid?.();
      const invalid = new BridgeError("INVALID_REQUEST").toWire();
      answer(isResponse(value) ? undefined : errorText(idTextOf(value), invalid), caller, batch);
      return;
    }
    const id = value.id === undefined ? undefined : idText(value.id);
    this.lastMethod = value.method;
    const { table, clock } = this.#options;
    const entry = table.get(value.method);
    if (entry === undefined) {
      answer(id === undefined ? undefined : errorText(id, table.notFound(value.method).toWire()), caller, batch);
      return;
    }
    const call = new RunningCall(caller, entry, id, batch, clock.monotonic());
    let result: unknown;
    try {
      this.#admit(call);
      const params = entry.readParams(value.params, exact);
      call.isAdmitted = true;
      const { intercept } = this.#options.policy;
      result =
        intercept === undefined
          ? entry.handle(params, call)
          : intercept(call, params, () => entry.handle(params, call));
    } catch (error) {
      this.fail(call, error);
      return;
    }
    if (isThenable(result)) this.#later(call, result);
    else this.#succeed(call, result);
  }

  #admit(call: RunningCall): void {
    const { entry, peer, idText: id } = call;
    const refused = refusedRole(entry.name, entry.spec.roles, peer.principal.role);
    if (refused !== undefined) throw refused;
    if (this.refusesWrites && entry.isWrite) throw new BridgeError("SHUTTING_DOWN");
    const refusal = this.#options.policy.authorize?.(entry, peer.principal, call.startedAt);
    if (refusal !== undefined) throw refusal;
    if (id !== undefined && peer.inFlight.has(id)) {
      throw new BridgeError("DUPLICATE_ID", `A call with the id ${quoted(id)} is still in flight on this connection`);
    }
    if (!entry.isStreaming) return;
    if (id === undefined || id === unknownId) {
      throw new BridgeError("INVALID_REQUEST", `${entry.name} streams, so its call needs an id`);
    }
    const { streamsMax } = this.#options.limits;
    if (peer.inFlight.streams >= streamsMax) {
      throw new BridgeError("TOO_MANY_IN_FLIGHT", `This connection has ${streamsMax} streams open already`);
    }
  }

  #later(call: RunningCall, result: PromiseLike<unknown>): void {
    const { clock, limits } = this.#options;
    const { inFlight } = call.peer;
    if (!call.isStreaming) call.deadlineAt = clock.monotonic() + limits.callDeadlineMs;
    inFlight.add(call);
    result.then(
      (value) => {
        inFlight.remove(call);
        this.#succeed(call, value);
        call.peer.onSettled();
      },
      (error: unknown) => {
        inFlight.remove(call);
        this.fail(call, error);
        call.peer.onSettled();
      },
    );
  }

  #succeed(call: RunningCall, result: unknown): void {
    if (call.isAnswered) return;
    try {
      call.entry.checks?.result(result);
      const parts = call.isBatched || call.idText === undefined ? undefined : longJsonParts(result);
      if (parts !== undefined) call.succeedInParts(parts, (bytes) => this.#assertFits(bytes));
      else call.succeed(call.idText === undefined ? "" : this.#resultJson(call, result));
    } catch (error) {
      this.fail(call, error);
      return;
    }
    this.#observe(call, undefined);
  }

  #resultJson(call: RunningCall, result: unknown): string {
    const json = JSON.stringify(result) ?? "null";
    const { replyBytesMax } = this.#options.limits;
    // A character takes at most three bytes, so most answers are known to fit without being measured.
    const around = emptyResultCharacters + (call.idText?.length ?? 0) * 3 + call.batchBytes;
    if (json.length * 3 + around <= replyBytesMax) return json;
    this.#assertFits(Buffer.byteLength(json) + around);
    return json;
  }

  #assertFits(bytes: number): void {
    const { replyBytesMax } = this.#options.limits;
    if (bytes > replyBytesMax)
      throw new BridgeError("FRAME_TOO_LARGE", `The answer is longer than ${replyBytesMax} bytes`);
  }

  /** Returns the answer for an error. A bug is logged with its stack, and the caller gets only the correlation id. */
  #errorText(call: RunningCall, thrown: unknown): string {
    const { idText = unknownId, correlationId, entry } = call;
    try {
      const wire = entry.checks?.isDeclared(thrown) === false ? undefined : wireErrorOf(thrown, correlationId);
      if (wire !== undefined) return errorText(idText, wire);
      this.#options.logger.error({ ...facts(call), error: thrown }, "A handler failed");
    } catch (error) {
      this.#options.logger.error({ ...facts(call), error }, "An error could not be serialized");
    }
    return errorText(idText, new BridgeError("INTERNAL").toWire(correlationId));
  }

  #observe(call: RunningCall, errorCode: string | undefined): void {
    const { policy, clock } = this.#options;
    if (errorCode === "FORBIDDEN") policy.onDenied?.(call);
    policy.onAnswered?.(call, clock.monotonic() - call.startedAt, errorCode);
  }
}

const emptyResultCharacters = resultText("", "").length;

const facts = ({ entry, principal, correlationId }: RunningCall) => ({
  method: entry.name,
  principal: principal.id,
  correlationId,
});

function answer(text: string | undefined, caller: Caller, batch: Batch | undefined): void {
  if (batch !== undefined) batch.settle(text);
  else if (text !== undefined) caller.send(text);
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && typeof (value as { readonly then?: unknown }).then === "function";

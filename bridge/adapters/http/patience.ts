import { BridgeError } from "@armorclaw/protocol";
import type { Logger } from "../../logging/index.ts";
import type { CircuitSettings, CircuitState } from "../../platform/circuit-breaker.ts";
import { type Clock, delay } from "../../platform/clock.ts";
import { backOff } from "../../platform/retry.ts";
import { CircuitOpenError, Circuits, type Health, type Settled, settle } from "./circuits.ts";
import { type Answer, type Exchange, exchange } from "./exchange.ts";

/** Methods that may be repeated without an effect. */
const repeatable = new Set(["GET", "HEAD"]);
const repeatsMax = 2;
/** The pause before the first repeat. It doubles before the second, and half of it is random. */
const firstPauseMs = 200;

export interface PatienceDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

export interface Deadline {
  readonly caller: AbortSignal;
  /** By the clock's monotonic time. */
  readonly endsAt: number;
}

/**
 * Repeats exchanges that failed for a moment, and pauses calls to a host that keeps failing. Each agent has its own circuit for a
 * host, so that an agent that provokes failures stops only its own calls.
 */
export class PatientExchange {
  readonly #deps: PatienceDeps;
  readonly #circuits: Circuits;

  constructor(deps: PatienceDeps, settings: CircuitSettings) {
    this.#deps = deps;
    this.#circuits = new Circuits(deps, settings);
  }

  get circuits(): readonly CircuitState[] {
    return this.#circuits.states;
  }

  /** @throws BridgeError DESTINATION_REFUSED, HTTP_FAILED, HTTP_UNAVAILABLE */
  async exchange(agentId: string, wanted: Omit<Exchange, "signal">, { caller, endsAt }: Deadline): Promise<Answer> {
    const { clock, random } = this.#deps;
    const signal = AbortSignal.any([caller, AbortSignal.timeout(Math.max(1, Math.ceil(endsAt - clock.monotonic())))]);
    let end = await this.#attempt(agentId, { ...wanted, signal }, caller);
    const waitMs = backOff({ firstMs: firstPauseMs, maxMs: 2 * firstPauseMs, jitter: 0.5, random });
    for (let repeat = 0; repeat < repeatsMax; repeat++) {
      const pauseMs = waitMs(repeat + 1);
      const isWorthIt = repeatable.has(wanted.method) && mayPass(end) && clock.monotonic() + pauseMs < endsAt;
      if (!isWorthIt || !(await paused(clock, pauseMs, caller))) break;
      const next = await this.#attempt(agentId, { ...wanted, signal }, caller);
      // The host's last answer is more informative than the open circuit.
      if ("error" in next && next.error instanceof CircuitOpenError) break;
      end = next;
    }
    if (!("error" in end)) return end.value;
    throw end.error instanceof CircuitOpenError ? unavailable(wanted.url, end.error) : end.error;
  }

  #attempt(agentId: string, wanted: Exchange, caller: AbortSignal): Promise<Settled<Answer>> {
    const to = `${agentId} ${wanted.url.host}`;
    return settle(() =>
      this.#circuits.run(
        to,
        () => exchange(wanted),
        (end) => (caller.aborted ? "unknown" : healthOf(end)),
      ),
    );
  }
}

/** @returns false when the caller left during the pause */
async function paused(clock: Clock, ms: number, caller: AbortSignal): Promise<boolean> {
  if (caller.aborted) return false;
  return await delay(clock, ms, caller).then(
    () => true,
    () => false,
  );
}

/** A host that refuses is healthy, and so is one whose answer the bridge does not take. */
function healthOf(end: Settled<Answer>): Health {
  if (!("error" in end)) return end.value.status >= 500 ? "failing" : "healthy";
  const failure = failureOf(end.error);
  if (failure === undefined) return "unknown";
  return ["too_large", "encoded", "partial"].includes(String(failure)) ? "healthy" : "failing";
}

/** A host with `retry-after` is not called before that time; the agent gets its answer. */
function mayPass(end: Settled<Answer>): boolean {
  if (!("error" in end)) return end.value.status >= 500 && end.value.headers["retry-after"] === undefined;
  const failure = failureOf(end.error);
  return failure === "unresolved" || failure === "unreachable";
}

/** @returns an HttpFailure, or undefined for another error */
const failureOf = (error: unknown): unknown =>
  error instanceof BridgeError && error.code === "HTTP_FAILED" ? error.details?.["reason"] : undefined;

const unavailable = ({ host }: URL, { retryAfterMs }: CircuitOpenError) =>
  new BridgeError("HTTP_UNAVAILABLE", `${host} failed several times in a row; the bridge pauses calls to it`, {
    host,
    retry_after_ms: retryAfterMs,
  });

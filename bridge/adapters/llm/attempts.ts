import { randomUUID } from "node:crypto";
import { BridgeError } from "@armorclaw/protocol/errors";
import {
  type Amounts,
  type Attribution,
  type Basis,
  type Budget,
  costNanoUsd,
  type Price,
  type PriceTable,
  type TokenUsage,
  worstCaseNanoUsd,
} from "../../budget/index.ts";
import type { PublishEvent } from "../../events/index.ts";
import type { Logger } from "../../logging/index.ts";
import { type Clock, delay } from "../../platform/clock.ts";
import { anthropicWire } from "./anthropic-wire.ts";
import type { Ask } from "./ask.ts";
import { type LlmCaller, runOf } from "./caller.ts";
import { type Exchanged, passStream, readReply, type Send } from "./exchange.ts";
import type { Json } from "./json.ts";
import type { Route } from "./models.ts";
import { openaiToAnthropicWire } from "./openai-to-anthropic.ts";
import { openaiWire } from "./openai-wire.ts";
import type { SecretReader } from "./ports.ts";
import type { Providers } from "./providers.ts";
import { UpstreamFailure } from "./upstream.ts";
import type { Wire } from "./wire.ts";

export interface AttemptSettings {
  readonly attemptsMax: number;
  readonly backoffMs: number;
  /** The longest wait for a provider that limits its rate; a longer one is answered with an error. */
  readonly waitMaxMs: number;
  readonly callMs: number;
}

export interface AttemptDeps {
  readonly providers: Providers;
  readonly budget: Budget;
  readonly prices: PriceTable;
  readonly secrets: SecretReader;
  readonly publish: PublishEvent;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

export interface Answered {
  /** In the caller's dialect; undefined when it was streamed. */
  readonly reply: Json | undefined;
  readonly model: string;
  readonly usage: TokenUsage | undefined;
  readonly costNanoUsd: number;
  readonly basis: Basis;
  readonly reservationId: string;
}

/** Longer than a call, so that only a call that died with its bridge is booked by expiry. */
const leaseMarginMs = 60_000;

/** Failures before which the provider has done nothing that it could bill. */
const unbilled: ReadonlySet<string> = new Set([
  "LLM_PROVIDER_REFUSED",
  "LLM_PROVIDER_UNAVAILABLE",
  "LLM_REQUEST_REFUSED",
]);

/** One call through to its end. */
export interface Job {
  readonly ask: Ask;
  readonly caller: LlmCaller;
  readonly outputTokens: number;
  readonly send: Send;
  readonly signal: AbortSignal;
  hasSent: boolean;
}

/** What one try holds. */
interface Reserved {
  readonly id: string;
  readonly price: Price | undefined;
  readonly amounts: Amounts;
  readonly startedAtMs: number;
  /** Whether a provider may have seen the request. */
  wasSent: boolean;
}

/** Tries one model until it answers, refuses or has failed too often; each try is reserved before and settled after. */
export class Attempts {
  readonly #deps: AttemptDeps;
  readonly #settings: AttemptSettings;

  constructor(deps: AttemptDeps, settings: AttemptSettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  /** @throws BridgeError LLM_PROVIDER_UNAVAILABLE when another model may be tried */
  async via(route: Route, job: Job): Promise<Answered> {
    const { circuit } = this.#deps.providers.of(route.provider.name);
    let reserved: Reserved | undefined;
    try {
      for (let attempt = 1; ; attempt++) {
        await this.#awaitTurn(route, job.signal);
        try {
          reserved ??= await this.#reserve(route, job);
          const exchanged = await this.#exchange(route, job, reserved);
          circuit.succeeded();
          const settled = reserved;
          reserved = undefined;
          return await this.#settle(route, settled, exchanged);
        } catch (error) {
          if (!(error instanceof UpstreamFailure)) circuit.abandoned();
          if (!(error instanceof UpstreamFailure) || reserved === undefined) throw error;
          reserved.wasSent = false;
          if (error.kind === "unknown") {
            const lost = reserved;
            reserved = undefined;
            await this.#settle(route, lost, { reply: undefined, usage: undefined });
          }
          await this.#afterFailure(route, job, error, attempt);
        }
      }
    } catch (error) {
      if (reserved !== undefined) await this.#giveUp(route, reserved, error);
      throw error;
    }
  }

  /** Waits until the provider takes calls, and enters its circuit. */
  async #awaitTurn({ provider }: Route, signal: AbortSignal): Promise<void> {
    const { circuit, rateLimit } = this.#deps.providers.of(provider.name);
    const { waitMs } = rateLimit;
    if (waitMs > this.#settings.waitMaxMs) throw unavailable(provider.name, "it limits the rate", waitMs);
    // Those who wait for the same moment do not all come at it.
    if (waitMs > 0) await delay(this.#deps.clock, waitMs + this.#deps.random() * this.#settings.backoffMs, signal);
    const closedForMs = circuit.enter();
    if (closedForMs !== undefined) throw unavailable(provider.name, "it failed too often", closedForMs);
  }

  async #reserve(route: Route, { ask, caller, outputTokens }: Job): Promise<Reserved> {
    const { budget, prices, clock } = this.#deps;
    const attribution = attributionOf(route, caller);
    const price = prices.find(route.provider.name, route.model, route.provider.listName, new Date(clock.now()));
    if (price === undefined && !(await budget.isBounded(attribution, "tokens"))) {
      throw new BridgeError("PRICE_UNKNOWN", `${route.id} has no price and no hard limit in tokens`, {
        model: route.id,
      });
    }
    const amounts = {
      costNanoUsd: price === undefined ? 0 : worstCaseNanoUsd(price, ask.promptTokensBound, outputTokens),
      tokens: ask.promptTokensBound + outputTokens,
      calls: 1,
      durationMs: this.#settings.callMs,
    };
    const id = randomUUID();
    const leaseMs = this.#settings.callMs + leaseMarginMs;
    await budget.reserve({
      id,
      attribution,
      amounts,
      price: JSON.stringify(price ?? null),
      leaseMs,
      onExpiry: "spend",
    });
    return { id, price, amounts, startedAtMs: clock.monotonic(), wasSent: false };
  }

  async #exchange(route: Route, job: Job, reserved: Reserved): Promise<Exchanged> {
    const { provider, model } = route;
    const { upstream } = this.#deps.providers.of(provider.name);
    const wire = wireFor(job.ask, route);
    const body = JSON.stringify(wire.body(job.ask, model, job.outputTokens));
    const key =
      provider.secret === undefined ? "" : await this.#deps.secrets.use(provider.secret, job.caller.principal);
    reserved.wasSent = true;
    try {
      const answer = await upstream.post(wire.path, wire.headers(key), body, job.signal);
      if (!job.ask.isStream) return await readReply(wire, answer);
      return await passStream(wire, job.ask, answer, job.outputTokens, (event) => {
        job.hasSent = true;
        return job.send(event);
      });
    } catch (error) {
      throw error instanceof UpstreamFailure && error.kind === "refused"
        ? providerRefused(provider.name, error, key)
        : error;
    }
  }

  /** Waits before the next try, or throws when there is none. */
  async #afterFailure({ provider }: Route, job: Job, failure: UpstreamFailure, attempt: number): Promise<void> {
    const { circuit, rateLimit } = this.#deps.providers.of(provider.name);
    const { backoffMs, attemptsMax, waitMaxMs } = this.#settings;
    this.#deps.logger.warn(
      { provider: provider.name, attempt, status: failure.status, kind: failure.kind },
      "A provider did not answer",
    );
    const waitMs =
      failure.retryAfterMs ?? Math.round(this.#deps.random() * Math.min(waitMaxMs, backoffMs * 2 ** (attempt - 1)));
    if (failure.status === 429) {
      circuit.abandoned();
      rateLimit.pauseFor(waitMs);
    } else circuit.failed(failure.status === undefined ? failure.message : `It answers ${failure.status}`);
    if (job.hasSent)
      throw new BridgeError("LLM_STREAM_FAILED", `${provider.name}: ${failure.message}`, undefined, { cause: failure });
    if (attempt >= attemptsMax || waitMs > waitMaxMs) {
      throw unavailable(
        provider.name,
        failure.status === 429 ? "it limits the rate" : "it does not answer",
        waitMs,
        failure,
      );
    }
    // All callers wait for a provider's rate together, before their turn.
    if (failure.status !== 429) await delay(this.#deps.clock, waitMs, job.signal);
  }

  /** Books what the provider reported, or all that was held when it did not. */
  async #settle(
    route: Route,
    { id, price, amounts, startedAtMs }: Reserved,
    { reply, usage }: Exchanged,
  ): Promise<Answered> {
    const durationMs = Math.min(amounts.durationMs, Math.round(this.#deps.clock.monotonic() - startedAtMs));
    const cost = usage === undefined ? amounts.costNanoUsd : price === undefined ? 0 : costNanoUsd(price, usage);
    const basis = usage === undefined ? "bound" : "provider";
    await this.#deps.budget.settle(id, {
      amounts: {
        costNanoUsd: cost,
        tokens: usage === undefined ? amounts.tokens : usage.input + usage.output,
        calls: 1,
        durationMs,
      },
      inputTokens: usage?.input ?? 0,
      outputTokens: usage?.output ?? 0,
      basis,
    });
    return { reply, model: route.id, usage, costNanoUsd: cost, basis, reservationId: id };
  }

  /** A call that the provider refused, or that was never made, costs nothing; one that was broken off may cost all. */
  async #giveUp(route: Route, reserved: Reserved, error: unknown): Promise<void> {
    const code = error instanceof BridgeError ? error.code : undefined;
    if (!reserved.wasSent || (code !== undefined && unbilled.has(code))) {
      await this.#deps.budget.release(reserved.id);
      return;
    }
    if (code === "LLM_CUT")
      this.#deps.publish("llm.answer_cut", "bridge", { model: route.id, reservation_id: reserved.id });
    await this.#settle(route, reserved, { reply: undefined, usage: undefined });
  }
}

function wireFor({ dialect }: Ask, { provider }: Route): Wire {
  if (provider.kind === "openai") return openaiWire(provider.outputCapField);
  return dialect === "openai" ? openaiToAnthropicWire : anthropicWire;
}

const attributionOf = ({ provider, id }: Route, { agent, task, run }: LlmCaller): Attribution => ({
  provider: provider.name,
  model: id,
  loop: agent?.loop,
  agent: agent?.agentId,
  task,
  run: run ?? (agent === undefined ? undefined : runOf(agent)),
});

function unavailable(provider: string, why: string, retryAfterMs: number, cause?: unknown): BridgeError {
  const facts = { provider, retry_after_ms: Math.ceil(retryAfterMs) };
  return new BridgeError("LLM_PROVIDER_UNAVAILABLE", `${provider} cannot be used now: ${why}`, facts, { cause });
}

/** What the provider says of a request may help its author; what it says of the key is for the operator alone. */
function providerRefused(provider: string, { status, message }: UpstreamFailure, key: string): BridgeError {
  const isAboutKey = status === 401 || status === 402 || status === 403;
  const said = isAboutKey
    ? "it does not accept the bridge's key"
    : (key === "" ? message : message.replaceAll(key, "[key]")).slice(0, 2_000);
  return new BridgeError("LLM_PROVIDER_REFUSED", `${provider} answers ${status}: ${said}`, { provider, status });
}

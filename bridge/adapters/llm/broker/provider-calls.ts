import { randomUUID } from "node:crypto";
import { BridgeError } from "@armorclaw/protocol/errors";
import {
  type Amounts,
  type Attribution,
  type Budget,
  costNanoUsd,
  type Price,
  type PriceTable,
  type TokenUsage,
  worstCaseNanoUsd,
} from "../../../budget/index.ts";
import type { PublishEvent } from "../../../events/index.ts";
import type { Logger } from "../../../logging/index.ts";
import { type Clock, delay } from "../../../platform/clock.ts";
import { backOff } from "../../../platform/retry.ts";
import type { ChatRequest } from "../codecs/chat-request.ts";
import { providerDialect } from "../codecs/dialects.ts";
import { countAt, parseObject } from "../codecs/json.ts";
import { AnswerReader } from "./answer-reader.ts";
import { type CallContext, type ChatResult, type LlmCaller, runOf } from "./call-context.ts";
import type { Route } from "./models.ts";
import type { SecretReader } from "./ports.ts";
import type { CircuitCall } from "./provider-circuit.ts";
import type { Providers } from "./providers.ts";
import { readAll, UpstreamFailure } from "./upstream.ts";

export interface ProviderCallSettings {
  readonly attemptsMax: number;
  readonly backoffMs: number;
  /** The longest wait for a provider that limits its rate; a longer one is answered with an error. */
  readonly waitMaxMs: number;
  readonly callMs: number;
}

export interface ProviderCallDeps {
  readonly providers: Providers;
  readonly budget: Budget;
  readonly prices: PriceTable;
  readonly secrets: SecretReader;
  readonly publish: PublishEvent;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

/** A provider that has not counted a prompt's tokens by then is not waited for: they are estimated. */
const countMs = 10_000;

/** Longer than a call, so that a reservation expires only when its bridge died. */
const leaseMarginMs = 60_000;

/** Failures before which the provider has done nothing that it could bill. */
const unbilled: ReadonlySet<string> = new Set([
  "LLM_PROVIDER_REFUSED",
  "LLM_PROVIDER_UNAVAILABLE",
  "LLM_REQUEST_REFUSED",
]);

/** What one attempt has reserved. */
interface Reservation {
  readonly id: string;
  readonly price: Price | undefined;
  readonly amounts: Amounts;
  readonly startedAtMs: number;
  /** Whether a provider may have seen the request. */
  wasSent: boolean;
  /** What the provider reported for an answer that finished, even where the call then failed. */
  usage: TokenUsage | undefined;
}

/** Tries one model until it answers, refuses or has failed too often. Each attempt is reserved before and settled after. */
export class ProviderCalls {
  readonly #deps: ProviderCallDeps;
  readonly #settings: ProviderCallSettings;

  constructor(deps: ProviderCallDeps, settings: ProviderCallSettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  /** @throws BridgeError LLM_PROVIDER_UNAVAILABLE when another model may be tried */
  async call(route: Route, context: CallContext): Promise<ChatResult> {
    const { circuit } = this.#deps.providers.of(route.provider.name);
    const own = { caller: context.caller.principal, model: route.id };
    let reserved: Reservation | undefined;
    try {
      for (let attempt = 1; ; attempt++) {
        await this.#awaitTurn(route, own, context.signal);
        try {
          reserved ??= await this.#reserve(route, context);
          await this.#exchange(route, context, reserved);
          circuit.succeeded(own);
          const settled = reserved;
          reserved = undefined;
          return await this.#settle(route, settled);
        } catch (error) {
          if (error instanceof UpstreamFailure) circuit.failed(own, error);
          else circuit.abandoned(own);
          if (!(error instanceof UpstreamFailure) || reserved === undefined) throw error;
          reserved.wasSent = false;
          if (error.kind === "unknown") {
            const lost = reserved;
            reserved = undefined;
            await this.#settle(route, lost);
          }
          await this.#afterFailure(route, context, error, attempt);
        }
      }
    } catch (error) {
      if (reserved !== undefined) await this.#giveUp(route, reserved, error);
      throw error;
    }
  }

  /**
   * Asks a provider that counts tokens for nothing, once.
   * @returns undefined where the provider does not count, or does not answer
   */
  async countTokens({ provider, model, id }: Route, request: ChatRequest, caller: LlmCaller, signal: AbortSignal) {
    if (provider.kind !== "anthropic" || request.source.dialect !== "anthropic") return undefined;
    const { upstream, circuit } = this.#deps.providers.of(provider.name);
    if (circuit.stateOf(id) === "open") return undefined;
    const dialect = providerDialect(provider.kind, request);
    const {
      max_tokens: _max,
      stream: _stream,
      ...body
    } = dialect.encodeRequest(request, {
      model,
      outputTokens: request.outputTokens ?? 1,
      outputCapField: provider.outputCapField,
    }) as Record<string, unknown>;
    const key = provider.secret === undefined ? "" : await this.#deps.secrets.use(provider.secret, caller.principal);
    const headers = { ...request.headers, ...dialect.headers(key) };
    const deadline = AbortSignal.timeout(countMs);
    try {
      const answer = await upstream.post(
        `${dialect.path}/count_tokens`,
        headers,
        JSON.stringify(body),
        AbortSignal.any([signal, deadline]),
      );
      return countAt(parseObject(await readAll(answer)), "input_tokens");
    } catch (error) {
      const isLate = deadline.aborted && !signal.aborted;
      if (!isLate && !(error instanceof UpstreamFailure)) throw error;
      this.#deps.logger.debug({ provider: provider.name, error }, "The provider did not count the tokens");
      return undefined;
    }
  }

  /** Waits until the provider takes calls for the model, and enters the provider's circuit. */
  async #awaitTurn({ provider, id }: Route, own: CircuitCall, signal: AbortSignal): Promise<void> {
    const { circuit, rateLimits } = this.#deps.providers.of(provider.name);
    const waitMs = rateLimits.waitMs(id);
    if (waitMs > this.#settings.waitMaxMs) throw unavailable(provider.name, "it limits the rate", waitMs);
    // Callers that wait for the same moment come at different times.
    if (waitMs > 0) await delay(this.#deps.clock, waitMs + this.#deps.random() * this.#settings.backoffMs, signal);
    const closedForMs = circuit.enter(own);
    if (closedForMs !== undefined) throw unavailable(provider.name, "it failed too often", closedForMs);
  }

  async #reserve(route: Route, { request, caller, outputTokens }: CallContext): Promise<Reservation> {
    const { budget, prices, clock } = this.#deps;
    const attribution = attributionOf(route, caller);
    const price = prices.find(route.provider.name, route.model, route.provider.listName, new Date(clock.now()));
    if (price === undefined && !budget.isBounded(attribution, "tokens")) {
      throw new BridgeError("PRICE_UNKNOWN", `${route.id} has no price and no hard limit in tokens`, {
        model: route.id,
      });
    }
    const amounts = {
      costNanoUsd: price === undefined ? 0 : worstCaseNanoUsd(price, request.promptTokensBound, outputTokens),
      tokens: request.promptTokensBound + outputTokens,
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
    return { id, price, amounts, startedAtMs: clock.monotonic(), wasSent: false, usage: undefined };
  }

  /** Leaves in the reservation what is known of the answer's cost, however the exchange ends. */
  async #exchange({ provider, model }: Route, context: CallContext, reserved: Reservation): Promise<void> {
    const { upstream } = this.#deps.providers.of(provider.name);
    const { request, outputTokens, sink, signal } = context;
    const dialect = providerDialect(provider.kind, request);
    const { outputCapField } = provider;
    const body = JSON.stringify(dialect.encodeRequest(request, { model, outputTokens, outputCapField }));
    const key =
      provider.secret === undefined ? "" : await this.#deps.secrets.use(provider.secret, context.caller.principal);
    if (!sendable.test(key)) throw unsendableKey(provider.name, provider.secret ?? "");
    const reader = new AnswerReader(dialect, sink, outputTokens);
    try {
      reserved.wasSent = true;
      const headers = { ...(request.source.dialect === dialect.name ? request.headers : {}), ...dialect.headers(key) };
      const answer = await upstream.post(dialect.path, headers, body, signal);
      await (request.isStream ? reader.readStream(answer) : reader.readWhole(answer));
    } catch (error) {
      throw error instanceof UpstreamFailure && error.kind === "refused"
        ? providerRefused(provider.name, error, key)
        : error;
    } finally {
      reserved.usage = reader.usage;
      context.hasSent ||= reader.hasSent;
    }
  }

  /** Waits before the next attempt, or throws when there is none. */
  async #afterFailure(
    { provider, id }: Route,
    context: CallContext,
    failure: UpstreamFailure,
    attempt: number,
  ): Promise<void> {
    const { rateLimits } = this.#deps.providers.of(provider.name);
    const { backoffMs, attemptsMax, waitMaxMs } = this.#settings;
    this.#deps.logger.warn(
      { provider: provider.name, attempt, status: failure.status, kind: failure.kind },
      "A provider did not answer",
    );
    // All of the wait is random: the calls that failed together do not return together.
    const ownWaitMs = backOff({ firstMs: backoffMs, maxMs: waitMaxMs, jitter: 1, random: this.#deps.random });
    const waitMs = failure.retryAfterMs ?? ownWaitMs(attempt);
    if (failure.status === 429) rateLimits.pause(id, waitMs);
    if (context.hasSent)
      throw new BridgeError("LLM_STREAM_FAILED", `${provider.name}: ${failure.message}`, undefined, { cause: failure });
    if (attempt >= attemptsMax || waitMs > waitMaxMs) {
      throw unavailable(
        provider.name,
        failure.status === 429 ? "it limits the rate" : "it does not answer",
        waitMs,
        failure,
      );
    }
    // A limited rate is waited for in #awaitTurn, by all callers of the model together.
    if (failure.status !== 429) await delay(this.#deps.clock, waitMs, context.signal);
  }

  /** Books what the provider reported, or all that was held when it reported nothing. */
  async #settle(route: Route, { id, price, amounts, startedAtMs, usage }: Reservation): Promise<ChatResult> {
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
    return { model: route.id, usage, costNanoUsd: cost, basis, reservationId: id };
  }

  /** A call that the provider refused, or that was never made, costs nothing; one that broke off may cost all. */
  async #giveUp(route: Route, reserved: Reservation, error: unknown): Promise<void> {
    const code = error instanceof BridgeError ? error.code : undefined;
    if (!reserved.wasSent || (code !== undefined && unbilled.has(code))) {
      await this.#deps.budget.release(reserved.id);
      return;
    }
    if (code === "LLM_CUT")
      this.#deps.publish("llm.answer_cut", "bridge", { model: route.id, reservation_id: reserved.id });
    await this.#settle(route, reserved);
  }
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

/** What RFC 9110 lets a header's value hold. */
const sendable = /^[\t\x20-\x7e\x80-\xff]*$/;

const unsendableKey = (provider: string, secret: string): BridgeError =>
  new BridgeError(
    "LLM_REQUEST_REFUSED",
    `The key ${secret} of ${provider} holds a character that no HTTP header can carry, such as a line end; store the key again`,
    { field: "secret", provider },
  );

/** The caller sees what the provider says of the request. What it says of the key is for the operator alone. */
function providerRefused(provider: string, { status, message }: UpstreamFailure, key: string): BridgeError {
  const isAboutKey = status === 401 || status === 402 || status === 403;
  const reason = isAboutKey
    ? "it does not accept the bridge's key"
    : (key === "" ? message : message.replaceAll(key, "[key]")).slice(0, 2_000);
  return new BridgeError("LLM_PROVIDER_REFUSED", `${provider} answers ${status}: ${reason}`, { provider, status });
}

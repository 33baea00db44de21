import { BridgeError } from "@armorclaw/protocol/errors";
import type { RunawayGuard } from "../../../budget/index.ts";
import { BoundedMap } from "../../../platform/bounded-map.ts";
import type { ChatRequest } from "../codecs/chat-request.ts";
import type { AnswerSink } from "./answer-reader.ts";
import { type CallContext, type ChatResult, type LlmCaller, type LlmPolicy, runOf } from "./call-context.ts";
import { CallSlots } from "./call-slots.ts";
import { isAllowed, type ModelTable, type Route } from "./models.ts";
import { type ProviderCallDeps, type ProviderCallSettings, ProviderCalls } from "./provider-calls.ts";

export interface BrokerDeps extends ProviderCallDeps {
  readonly models: ModelTable;
  readonly guard: RunawayGuard;
  readonly policyOf: (caller: LlmCaller) => LlmPolicy;
}

/** What a prompt has. */
export interface TokenCount {
  readonly tokens: number;
  readonly isEstimate: boolean;
}

/** Of ordinary English text. */
const bytesPerToken = 4;
/** Runaway limits whose event was published; the oldest is dropped first. */
const reportedMax = 1_000;

/** Calls models for agents, which have neither key nor network, and enforces their budget. */
export class ModelBroker {
  readonly #deps: BrokerDeps;
  readonly #calls: ProviderCalls;
  readonly #callMs: number;
  readonly #slots: CallSlots;
  readonly #reported = new BoundedMap<string, true>(reportedMax);

  constructor(deps: BrokerDeps, settings: ProviderCallSettings) {
    this.#deps = deps;
    this.#calls = new ProviderCalls(deps, settings);
    this.#callMs = settings.callMs;
    this.#slots = new CallSlots(deps.clock);
  }

  /** The models that the caller may use. */
  modelsFor(caller: LlmCaller): Route[] {
    const { models } = this.#deps.policyOf(caller);
    return this.#deps.models.all.filter((route) => isAllowed(models, route));
  }

  /** The names by which the caller may ask for its models, each with its model. */
  namesFor(caller: LlmCaller): { readonly name: string; readonly route: Route }[] {
    return this.modelsFor(caller).flatMap((route) => this.#deps.models.namesOf(route).map((name) => ({ name, route })));
  }

  /** The same with their prices and the state of their providers. */
  describeModels(caller: LlmCaller) {
    const { prices, providers, clock } = this.#deps;
    const at = new Date(clock.now());
    return this.modelsFor(caller).map(({ id, model, provider: { name, listName } }) => {
      const { circuit, rateLimits } = providers.of(name);
      const price = prices.find(name, model, listName, at);
      return { id, provider: name, price, state: circuit.stateOf(id), waitMs: rateLimits.waitMs(id) };
    });
  }

  /**
   * @param sink takes the answer
   * @throws BridgeError of the budget's, the runaway guard's or the broker's own; what the signal was aborted with
   */
  async chat(request: ChatRequest, caller: LlmCaller, sink: AnswerSink, signal: AbortSignal): Promise<ChatResult> {
    const policy = this.#deps.policyOf(caller);
    const routes = this.#routes(request, policy);
    const outputTokens = outputTokenLimit(request, policy);
    using _slot = await this.#slots.take(caller.principal, policy.concurrentCallsMax, signal);
    this.#guard(request, caller, policy);
    sink.begin(outputTokens);
    const deadline = AbortSignal.timeout(this.#callMs);
    const context: CallContext = {
      request,
      caller,
      outputTokens,
      sink,
      signal: AbortSignal.any([signal, deadline]),
      hasSent: false,
    };
    try {
      return await this.#firstThatAnswers(routes, context);
    } catch (error) {
      if (deadline.aborted && !signal.aborted)
        throw new BridgeError("TIMED_OUT", `The call took longer than ${this.#callMs} ms`, undefined, {
          cause: error,
        });
      throw error;
    }
  }

  /**
   * The tokens of a request's prompt: as the provider counts them where it does so for nothing, or else estimated.
   * @throws BridgeError LLM_MODEL_NOT_ALLOWED or LLM_MODEL_NOT_FOUND; TOO_MANY_IN_FLIGHT
   */
  async countTokens(request: ChatRequest, caller: LlmCaller, signal: AbortSignal): Promise<TokenCount> {
    const policy = this.#deps.policyOf(caller);
    const [route] = this.#routes(request, policy);
    using _slot = await this.#slots.take(caller.principal, policy.concurrentCallsMax, signal);
    const counted = await this.#calls.countTokens(route, request, caller, signal);
    return counted === undefined
      ? { tokens: Math.ceil(request.promptTokensBound / bytesPerToken), isEstimate: true }
      : { tokens: counted, isEstimate: false };
  }

  #routes({ model }: ChatRequest, policy: LlmPolicy): [Route, ...Route[]] {
    const [first, ...others] = this.#deps.models.withFallbacks(model);
    if (first === undefined || !isAllowed(policy.models, first)) {
      throw new BridgeError(
        "LLM_MODEL_NOT_ALLOWED",
        `${first?.id ?? model} is not among the models that this caller may use`,
        { model: first?.id ?? model },
      );
    }
    return [first, ...others.filter((route) => isAllowed(policy.models, route))];
  }

  #guard(request: ChatRequest, { agent, run, state }: LlmCaller, policy: LlmPolicy): void {
    if (agent === undefined) return;
    const text = JSON.stringify(request.source.body);
    const facts = { agent: agent.agentId, run: run ?? runOf(agent), request: text, state };
    try {
      this.#deps.guard.admit(facts, policy.runawayLimits);
    } catch (error) {
      if (error instanceof BridgeError && error.code === "RUNAWAY_LIMIT") this.#reportRunaway(agent.agentId, error);
      throw error;
    }
  }

  /** Publishes once for each limit and run, because an agent that runs away reaches the limit with every call. */
  #reportRunaway(agentId: string, { message, details }: BridgeError): void {
    const limit = String(details?.["limit"]);
    const run = String(details?.["run"]);
    const key = `${agentId} ${limit} ${run}`;
    if (this.#reported.has(key)) return;
    this.#reported.set(key, true);
    this.#deps.publish("llm.runaway_limit_reached", "bridge", { agent_id: agentId, limit, run, message });
  }

  async #firstThatAnswers(routes: readonly Route[], context: CallContext): Promise<ChatResult> {
    for (const [index, route] of routes.entries()) {
      const next = routes[index + 1];
      try {
        return await this.#calls.call(route, context);
      } catch (error) {
        const mayFallBack =
          error instanceof BridgeError && error.code === "LLM_PROVIDER_UNAVAILABLE" && !context.hasSent;
        if (!mayFallBack || next === undefined) throw error;
        this.#deps.publish("llm.fallback_used", "bridge", {
          from: route.id,
          to: next.id,
          message: error.message,
          agent_id: context.caller.agent?.agentId ?? null,
        });
      }
    }
    throw new Error("There is at least one route");
  }
}

/** The policy bounds an answer that the request does not bound, or asks to be longer. */
const outputTokenLimit = ({ outputTokens }: ChatRequest, { outputTokensDefault, outputTokensMax }: LlmPolicy): number =>
  Math.min(outputTokens ?? outputTokensDefault ?? outputTokensMax, outputTokensMax);

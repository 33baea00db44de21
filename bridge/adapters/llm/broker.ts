import { BridgeError } from "@armorclaw/protocol/errors";
import type { RunawayGuard } from "../../budget/index.ts";
import { type Ask, refused } from "./ask.ts";
import { type Answered, type AttemptDeps, type AttemptSettings, Attempts, type Job } from "./attempts.ts";
import { type LlmCaller, type LlmPolicy, runOf } from "./caller.ts";
import type { Send } from "./exchange.ts";
import { isAllowed, type ModelTable, type Route } from "./models.ts";

export interface BrokerDeps extends AttemptDeps {
  readonly models: ModelTable;
  readonly guard: RunawayGuard;
  readonly policyOf: (caller: LlmCaller) => LlmPolicy;
}

const reportedMax = 1_000;

/** Calls models for those who have neither key nor network, and not one token past their budget. */
export class ModelBroker {
  readonly #deps: BrokerDeps;
  readonly #attempts: Attempts;
  readonly #callMs: number;
  readonly #running = new Map<string, number>();
  readonly #reported = new Set<string>();

  constructor(deps: BrokerDeps, settings: AttemptSettings) {
    this.#deps = deps;
    this.#attempts = new Attempts(deps, settings);
    this.#callMs = settings.callMs;
  }

  /** The models that the caller may use. */
  modelsFor(caller: LlmCaller): Route[] {
    const { models } = this.#deps.policyOf(caller);
    return this.#deps.models.all.filter((route) => isAllowed(models, route));
  }

  /** The same with their prices and how their providers fare. */
  describeModels(caller: LlmCaller) {
    const { prices, providers, clock } = this.#deps;
    const at = new Date(clock.now());
    return this.modelsFor(caller).map(({ id, model, provider: { name, listName } }) => {
      const { circuit, rateLimit } = providers.of(name);
      const price = prices.find(name, model, listName, at);
      return { id, provider: name, price, state: circuit.state, waitMs: rateLimit.waitMs };
    });
  }

  /**
   * @param send takes the events of a streamed answer
   * @throws BridgeError of the budget's, the runaway guard's or the broker's own; what the signal was aborted with
   */
  async chat(ask: Ask, caller: LlmCaller, send: Send, signal: AbortSignal): Promise<Answered> {
    const policy = this.#deps.policyOf(caller);
    const routes = this.#routes(ask, policy);
    const outputTokens = capOf(ask, policy);
    const running = this.#running.get(caller.principal) ?? 0;
    if (running >= policy.concurrentCallsMax) {
      throw new BridgeError(
        "TOO_MANY_IN_FLIGHT",
        `${caller.principal} has ${running} model calls in flight, which is the most`,
      );
    }
    this.#checkRunaway(ask, caller, policy);
    const deadline = AbortSignal.timeout(this.#callMs);
    const job: Job = { ask, caller, outputTokens, send, signal: AbortSignal.any([signal, deadline]), hasSent: false };
    this.#running.set(caller.principal, running + 1);
    try {
      return await this.#firstThatAnswers(routes, job);
    } catch (error) {
      if (deadline.aborted && !signal.aborted)
        throw new BridgeError("TIMED_OUT", `The call took longer than ${this.#callMs} ms`, undefined, {
          cause: error,
        });
      throw error;
    } finally {
      const left = (this.#running.get(caller.principal) ?? 1) - 1;
      if (left === 0) this.#running.delete(caller.principal);
      else this.#running.set(caller.principal, left);
    }
  }

  #routes({ model, dialect }: Ask, policy: LlmPolicy): Route[] {
    const [first, ...others] = this.#deps.models.withFallbacks(model);
    if (first === undefined || !isAllowed(policy.models, first)) {
      throw new BridgeError(
        "LLM_MODEL_NOT_ALLOWED",
        `${first?.id ?? model} is not among the models that this caller may use`,
        { model: first?.id ?? model },
      );
    }
    const routes = [first, ...others.filter((route) => isAllowed(policy.models, route))];
    const speaking = routes.filter(({ provider }) => dialect === "openai" || provider.kind === "anthropic");
    if (speaking.length === 0)
      throw refused("model", `${first.id} does not speak this dialect; use /v1/chat/completions`);
    return speaking;
  }

  #checkRunaway(ask: Ask, { agent, run, state }: LlmCaller, policy: LlmPolicy): void {
    if (agent === undefined) return;
    const facts = { agent: agent.agentId, run: run ?? runOf(agent), request: JSON.stringify(ask.body), state };
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
    if (this.#reported.size >= reportedMax) this.#reported.clear();
    this.#reported.add(key);
    this.#deps.publish("llm.runaway_limit_reached", "bridge", { agent_id: agentId, limit, run, message });
  }

  async #firstThatAnswers(routes: readonly Route[], job: Job): Promise<Answered> {
    for (const [index, route] of routes.entries()) {
      const next = routes[index + 1];
      try {
        return await this.#attempts.via(route, job);
      } catch (error) {
        const isElsewhere = error instanceof BridgeError && error.code === "LLM_PROVIDER_UNAVAILABLE" && !job.hasSent;
        if (!isElsewhere || next === undefined) throw error;
        this.#deps.publish("llm.fallback_used", "bridge", {
          from: route.id,
          to: next.id,
          message: error.message,
          agent_id: job.caller.agent?.agentId ?? null,
        });
      }
    }
    throw new Error("There is at least one route");
  }
}

function capOf({ outputTokens }: Ask, { outputTokensDefault, outputTokensMax }: LlmPolicy): number {
  const cap = outputTokens ?? outputTokensDefault;
  if (cap === undefined) throw refused("max_tokens", "The request does not bound its answer");
  if (cap > outputTokensMax) throw refused("max_tokens", `${cap} tokens are asked for; ${outputTokensMax} is the most`);
  return cap;
}

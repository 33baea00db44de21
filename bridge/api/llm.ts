import type { MethodsOf, Params, Principal } from "@armorclaw/protocol";
import {
  AnswerCollector,
  endpointDialects,
  type LlmCaller,
  type LlmEndpoint,
  llmSocketName,
  type ModelBroker,
} from "../adapters/llm/index.ts";
import type { AgentDirectory } from "../lifecycle/index.ts";
import type { Handlers } from "../rpc/index.ts";

export interface LlmHandlerDeps {
  readonly broker: ModelBroker;
  readonly endpoint: LlmEndpoint;
  readonly agents: Pick<AgentDirectory, "find">;
}

export function llmHandlers({ broker, endpoint, agents }: LlmHandlerDeps): Handlers<MethodsOf<"llm">> {
  const callerOf = (principal: Principal): LlmCaller => ({
    principal: principal.id,
    agent: principal.kind === "agent" ? agents.find(principal.agentId) : undefined,
  });
  return {
    "llm.chat": async (params, call) => {
      const { principal, signal } = call;
      const { task, run, state } = params;
      const answer = new AnswerCollector((text) => call.write({ text }));
      const caller = { ...callerOf(principal), task, run, state };
      const request = endpointDialects.openai.decodeRequest(requestOf(params));
      const { model, usage, costNanoUsd, reservationId } = await broker.chat(request, caller, answer, signal);
      return {
        model,
        text: answer.text,
        tool_calls: answer.toolCalls.map((toolCall) => ({ ...toolCall })),
        finish_reason: answer.finishReason,
        usage:
          usage === undefined
            ? null
            : {
                input_tokens: usage.input,
                output_tokens: usage.output,
                cache_read_tokens: usage.cacheRead,
                cache_write_tokens: usage.cacheWrite,
              },
        cost_nano_usd: costNanoUsd,
        reservation_id: reservationId,
      };
    },
    "llm.models": (_, { principal }) => {
      const holder = principal.kind === "agent" ? agents.find(principal.agentId) : undefined;
      return {
        models: broker.describeModels(callerOf(principal)).map(({ id, provider, price, state, waitMs }) => ({
          id,
          provider,
          input_usd_per_mtok: price === undefined ? null : price.base.input / 1e6,
          output_usd_per_mtok: price === undefined ? null : price.base.output / 1e6,
          provider_state: state,
          waits_ms: waitMs,
        })),
        ...(holder === undefined ? {} : { endpoint: { socket: llmSocketName, api_key: endpoint.keyOf(holder) } }),
      };
    },
  };
}

/** The messages and tools of `llm.chat` have the form of OpenAI's chat completions, so that its codec reads them. */
function requestOf({
  model,
  messages,
  max_output_tokens,
  tools,
  tool_choice,
  temperature,
  top_p,
  stop,
}: Params<"llm.chat">) {
  const optional = { max_tokens: max_output_tokens, tools, tool_choice, temperature, top_p, stop };
  const given = Object.entries(optional).filter(([, value]) => value !== undefined);
  return { model, messages, stream: true, ...Object.fromEntries(given) };
}

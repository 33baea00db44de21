import type { Params, Principal } from "@armorclaw/protocol";
import {
  type EndpointHolder,
  type LlmCaller,
  type LlmEndpoint,
  type ModelBroker,
  readAsk,
  TextGatherer,
} from "../adapters/llm/index.ts";
import type { Handlers } from "../rpc/index.ts";

export interface LlmHandlerDeps {
  readonly broker: ModelBroker;
  readonly endpoint: LlmEndpoint;
  /** The start of the agent that lives now. */
  readonly holderOf: (agentId: string) => EndpointHolder | undefined;
}

/** The endpoint's name beside the agent's own socket. */
export const endpointName = "llm.sock";

export function llmHandlers({ broker, endpoint, holderOf }: LlmHandlerDeps): Handlers<"llm.chat" | "llm.models"> {
  const callerOf = (principal: Principal): LlmCaller => ({
    principal: principal.id,
    agent: principal.kind === "agent" ? holderOf(principal.agentId) : undefined,
  });
  return {
    "llm.chat": async (params, call) => {
      const { principal, signal } = call;
      const { task, run, state } = params;
      const gatherer = new TextGatherer();
      const send = async ({ data }: { readonly data: string }) => {
        const text = gatherer.take(data);
        if (text !== "") await call.write({ text });
      };
      const caller = { ...callerOf(principal), task, run, state };
      const { model, usage, costNanoUsd, reservationId } = await broker.chat(
        readAsk("openai", requestOf(params)),
        caller,
        send,
        signal,
      );
      return {
        model,
        text: gatherer.text,
        tool_calls: gatherer.toolCalls,
        finish_reason: gatherer.finishReason,
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
      const holder = principal.kind === "agent" ? holderOf(principal.agentId) : undefined;
      return {
        models: broker.describeModels(callerOf(principal)).map(({ id, provider, price, state, waitMs }) => ({
          id,
          provider,
          input_usd_per_mtok: price === undefined ? null : price.base.input / 1e6,
          output_usd_per_mtok: price === undefined ? null : price.base.output / 1e6,
          provider_state: state,
          waits_ms: waitMs,
        })),
        ...(holder === undefined ? {} : { endpoint: { socket: endpointName, api_key: endpoint.keyOf(holder) } }),
      };
    },
  };
}

/** The params as OpenAI's chat completions have them. */
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

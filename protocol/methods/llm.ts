import * as z from "zod";
import { defineMethod } from "../types/define.ts";

const callers = ["admin", "operator", "agent"] as const;
const name = z.string().min(1).max(200);

const ToolCall = z.object({
  id: z.string(),
  name: z.string(),
  arguments: z.string().describe("JSON, as the model wrote it."),
});

export const LlmUsage = z
  .object({ input_tokens: z.int(), output_tokens: z.int(), cache_read_tokens: z.int(), cache_write_tokens: z.int() })
  .meta({ id: "LlmUsage" });

const chat = defineMethod({
  summary: "Call a model with the bridge's key, within the caller's budget.",
  description:
    "The bridge reserves the most that the call can cost, and settles the cost that the provider reports. Text streams as it arrives; the result holds all of it.",
  roles: callers,
  effect: "write",
  scope: "open",
  params: z.strictObject({
    model: name.describe("`provider/model`, or the model's own name where only one provider has it."),
    messages: z
      .array(z.looseObject({ role: z.enum(["system", "developer", "user", "assistant", "tool"]) }))
      .min(1)
      .max(10_000)
      .describe("The messages, in the format of OpenAI's chat completions."),
    max_output_tokens: z
      .int()
      .min(1)
      .optional()
      .describe("The most tokens of the answer. The default is the policy's."),
    tools: z
      .array(z.looseObject({ type: z.literal("function") }))
      .max(128)
      .optional(),
    tool_choice: z
      .union([z.enum(["auto", "none", "required"]), z.looseObject({ type: z.literal("function") })])
      .optional(),
    temperature: z.number().min(0).max(2).optional(),
    top_p: z.number().min(0).max(1).optional(),
    stop: z.array(z.string()).max(4).optional(),
    task: name.optional().describe("The call also counts against the limits of this task."),
    run: name.optional().describe("The run of the call. The default is the agent's current start."),
    state: name.optional().describe("A summary of what the agent looked at; a new text counts as new input."),
  }),
  stream: z.object({ text: z.string() }),
  result: z.object({
    model: z.string().describe("The model that answered, which may be a fallback."),
    text: z.string(),
    tool_calls: z.array(ToolCall),
    finish_reason: z.string(),
    usage: LlmUsage.nullable().describe("Null when the provider did not report it."),
    cost_nano_usd: z.int(),
    reservation_id: z.string(),
  }),
  errors: [
    ...([
      "BUDGET_EXCEEDED",
      "BUDGET_FROZEN",
      "PRICE_UNKNOWN",
      "RUNAWAY_LIMIT",
      "NO_NEW_INPUT",
      "LLM_MODEL_NOT_FOUND",
    ] as const),
    ...(["LLM_MODEL_NOT_ALLOWED", "LLM_REQUEST_REFUSED", "LLM_PROVIDER_REFUSED", "LLM_PROVIDER_UNAVAILABLE"] as const),
    ...([
      "LLM_STREAM_FAILED",
      "LLM_CUT",
      "KEY_NOT_FOUND",
      "KEY_EXPIRED",
      "KEYSTORE_LOCKED",
      "KEYSTORE_DAMAGED",
      "TOO_MANY_IN_FLIGHT",
      "TIMED_OUT",
      "STORE_FULL",
      "STORE_FAILED",
      "STORE_BUSY",
    ] as const),
  ],
  example: {
    params: {
      model: "anthropic/claude-sonnet-4-5",
      messages: [{ role: "user", content: "Hello" }],
      max_output_tokens: 100,
    },
    result: {
      model: "anthropic/claude-sonnet-4-5",
      text: "Hello.",
      tool_calls: [],
      finish_reason: "stop",
      usage: { input_tokens: 8, output_tokens: 4, cache_read_tokens: 0, cache_write_tokens: 0 },
      cost_nano_usd: 84_000,
      reservation_id: "0b9f8e1c-2f4a-4c01-93e5-b7f8a1c6f0a3",
    },
  },
});

const models = defineMethod({
  summary: "List the models that the caller may use.",
  description:
    "An agent also gets its model endpoint: the APIs of OpenAI and Anthropic on a socket of its own, for their SDKs.",
  roles: ["admin", "operator", "viewer", "agent"],
  effect: "read",
  scope: "open",
  params: z.strictObject({}),
  result: z.object({
    models: z.array(
      z.object({
        id: z.string(),
        provider: z.string(),
        input_usd_per_mtok: z.number().nullable().describe("Null when it has no price."),
        output_usd_per_mtok: z.number().nullable(),
        provider_state: z
          .enum(["closed", "open", "half-open"])
          .describe("`open`: the provider failed too often, and the bridge pauses calls to it."),
        waits_ms: z.int().describe("The time that calls wait, because the provider limits the rate of this model."),
      }),
    ),
    endpoint: z
      .object({
        socket: z.string().describe("The socket's file name, beside the agent's own socket."),
        api_key: z.string().describe("The endpoint accepts this key from this start of this agent alone."),
      })
      .optional(),
  }),
  errors: [],
  example: {
    params: {},
    result: {
      models: [
        {
          id: "anthropic/claude-sonnet-4-5",
          provider: "anthropic",
          input_usd_per_mtok: 3,
          output_usd_per_mtok: 15,
          provider_state: "closed",
          waits_ms: 0,
        },
      ],
    },
  },
});

/** Every method of this file, by its name. */
export const llmMethods = {
  "llm.chat": chat,
  "llm.models": models,
} as const;

import { LoopName } from "@armorclaw/protocol";
import * as z from "zod";

const milliseconds = z.int().min(0).max(86_400_000);
const usd = z.number().min(0).max(1_000_000);
const providerName = z
  .string()
  .max(40)
  .regex(/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/, "Expected kebab-case");
const modelId = z
  .string()
  .min(3)
  .max(200)
  .regex(/^[^/]+\/.+$/, "Expected provider/model");

const limit = z.strictObject({
  scope: z
    .string()
    .regex(/^(?:global|(?:provider|model|loop|agent|task|run):\S+)$/, "Expected global, or e.g. agent:mail-1, agent:*"),
  window: z.enum(["hour", "day", "week", "month", "all"]),
  unit: z.enum(["usd", "tokens", "calls", "ms"]).default("usd"),
  soft: usd.or(z.int().min(0)).optional(),
  hard: usd.or(z.int().min(0)).optional(),
  on_hard: z.enum(["refuse", "freeze", "stop"]).default("refuse"),
});

/** What may be spent. */
export const BudgetConfig = z
  .strictObject({
    time_zone: z
      .string()
      .refine((zone) => isTimeZone(zone), "No such time zone")
      .default("UTC")
      .describe("Whose calendar hours, days, weeks and months are, e.g. Europe/Berlin."),
    thresholds: z
      .array(z.int().min(1).max(100))
      .max(20)
      .default([50, 80, 95, 100])
      .describe("Percentages of a limit at which an event is published, once in a window."),
    limits: z
      .array(limit)
      .default([
        { scope: "global", window: "day", unit: "usd", hard: 5, on_hard: "refuse" },
        { scope: "global", window: "month", unit: "usd", hard: 100, on_hard: "refuse" },
      ])
      .describe("Bounds on what is spent, in dollars, tokens, calls or milliseconds."),
    prices: z
      .record(
        modelId,
        z.strictObject({ input: usd, output: usd, cache_read: usd.optional(), cache_write: usd.optional() }),
      )
      .default({})
      .describe("provider/model → dollars for a million tokens. Instead of the list that comes with the bridge."),
    service_prices: z.record(z.string().max(200), usd).default({}).describe("Service → dollars for one unit."),
  })
  .prefault({});

const runawayLimit = {
  calls_per_minute_max: z.int().min(1),
  identical_calls_max: z.int().min(1).describe("The same call so often in a run is a loop."),
  calls_without_progress_max: z.int().min(1).describe("Calls in a row in which the agent did nothing else."),
  run_ms_max: z
    .int()
    .min(1_000)
    .max(30 * 86_400_000)
    .describe("From a run's first call."),
  idle_gate: z.boolean().describe("A call needs a reason: something that reached the agent, or a new `state`."),
  turn_ms: milliseconds.describe("How long one reason lasts."),
  turn_calls_max: z.int().min(1).describe("How many calls one reason is good for."),
};

const runawayLimits = z.strictObject({
  calls_per_minute_max: runawayLimit.calls_per_minute_max.default(60),
  identical_calls_max: runawayLimit.identical_calls_max.default(5),
  calls_without_progress_max: runawayLimit.calls_without_progress_max.default(100),
  run_ms_max: runawayLimit.run_ms_max.default(6 * 3_600_000),
  idle_gate: runawayLimit.idle_gate.default(true),
  turn_ms: runawayLimit.turn_ms.default(600_000),
  turn_calls_max: runawayLimit.turn_calls_max.default(50),
});

const provider = z.strictObject({
  kind: z.enum(["openai", "anthropic"]).describe("The dialect that it speaks."),
  base_url: z.url({ protocol: /^https?$/ }).describe("e.g. https://api.openai.com/v1, https://api.anthropic.com."),
  secret: z.string().min(1).max(200).optional().describe("The keystore's key for it."),
  models: z.array(z.string().min(1).max(160)).min(1),
  price_list_name: z.string().min(1).optional().describe("What the price list calls it; its own name when left out."),
  output_cap_field: z
    .enum(["max_completion_tokens", "max_tokens"])
    .default("max_completion_tokens")
    .describe("For kind openai: the field that it bounds answers by."),
});

const policy = z.strictObject({
  models: z.array(z.string().min(1)).describe("provider/model, provider/* or *."),
  output_tokens_default: z
    .int()
    .min(1)
    .optional()
    .describe("The bound of an answer whose request has none; such a request is refused when left out."),
  output_tokens_max: z.int().min(1).default(16_384),
  concurrent_calls_max: z.int().min(1).max(1_000).default(8),
  runaway_limits: z.strictObject(runawayLimit).partial().optional().describe("Instead of `llm.runaway_limits`."),
});

/** Which models there are, and who may call them. */
export const LlmConfig = z
  .strictObject({
    providers: z.record(providerName, provider).default({}),
    policies: z
      .record(LoopName, policy)
      .default({})
      .describe("Loop, or one agent → what it may call; nothing when left out."),
    fallbacks: z
      .record(modelId, z.array(modelId))
      .default({})
      .describe("Model → those that stand in for it, in order."),
    runaway_limits: runawayLimits.prefault({}),
    head_ms: milliseconds.default(120_000).describe("Time for a provider to begin its answer."),
    idle_ms: milliseconds.default(60_000).describe("The longest silence within an answer."),
    call_ms: milliseconds.default(600_000).describe("The longest a call may take, with all its tries."),
    attempts_max: z.int().min(1).max(10).default(4),
    backoff_ms: milliseconds.default(500).describe("Wait before the second try; doubles with each, with jitter."),
    wait_max_ms: milliseconds.default(30_000).describe("The longest wait for a provider that limits its rate."),
    failures_max: z.int().min(1).default(5).describe("So many failures in a row, and the provider is left alone."),
    open_ms: milliseconds.default(30_000).describe("How long it is left alone."),
    connections_max: z.int().min(1).max(1_000).default(64).describe("To one provider."),
  })
  .prefault({});

function isTimeZone(zone: string): boolean {
  // The default is not looked up: the first look-up loads 8 MB of time zones.
  if (zone === "UTC") return true;
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

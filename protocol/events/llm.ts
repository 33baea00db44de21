import * as z from "zod";
import { defineEvent } from "../types/define.ts";
import { Timestamp } from "../types/ids.ts";

const PausedModel = z.string().describe("The model whose calls pause; `*` for all models of the provider.");

const providerUnavailable = defineEvent({
  summary: "A provider failed too often, and the bridge pauses calls to it, or those of one model; published once.",
  channel: "llm.<provider>.provider_unavailable",
  priority: "high",
  data: z.object({ provider: z.string(), model: PausedModel, reason: z.string(), until: Timestamp }),
  example: { provider: "openai", model: "openai/gpt-5", reason: "It answers 503", until: "2026-11-21T08:00:30.000Z" },
});

const providerRecovered = defineEvent({
  summary: "A provider answers again.",
  channel: "llm.<provider>.provider_recovered",
  priority: "normal",
  data: z.object({ provider: z.string(), model: PausedModel }),
  example: { provider: "openai", model: "openai/gpt-5" },
});

const fallbackUsed = defineEvent({
  summary: "A fallback answered in place of the requested model.",
  channel: "llm.broker.fallback_used",
  priority: "normal",
  data: z.object({ from: z.string(), to: z.string(), message: z.string(), agent_id: z.string().nullable() }),
  example: {
    from: "openai/gpt-5",
    to: "anthropic/claude-sonnet-4-5",
    message: "openai cannot be used now",
    agent_id: "mail-1",
  },
});

const runawayLimitReached = defineEvent({
  summary: "An agent reached a runaway limit and its call was refused; published once for each limit and run.",
  channel: "llm.<agent_id>.runaway_limit_reached",
  priority: "high",
  data: z.object({ agent_id: z.string(), limit: z.string(), run: z.string(), message: z.string() }),
  example: {
    agent_id: "mail-1",
    limit: "identical_calls",
    run: "mail-1.1",
    message: "mail-1 made the same call 5 times",
  },
});

const answerCut = defineEvent({
  summary: "An answer was cut, because it was longer than its reservation.",
  channel: "llm.broker.answer_cut",
  priority: "high",
  data: z.object({ model: z.string(), reservation_id: z.string() }),
  example: { model: "local/llama", reservation_id: "0b9f8e1c-2f4a-4c01-93e5-b7f8a1c6f0a3" },
});

/** Every event of this file, by its type. */
export const llmEvents = {
  "llm.provider_unavailable": providerUnavailable,
  "llm.provider_recovered": providerRecovered,
  "llm.fallback_used": fallbackUsed,
  "llm.runaway_limit_reached": runawayLimitReached,
  "llm.answer_cut": answerCut,
} as const;

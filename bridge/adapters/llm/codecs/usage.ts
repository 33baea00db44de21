import type { TokenUsage } from "../../../budget/index.ts";
import { countAt, objectAt } from "./json.ts";

/**
 * Usage as an OpenAI-compatible provider reports it; undefined when it is not whole. Some leave reasoning out of
 * `completion_tokens` and count it in `total_tokens` alone.
 */
export function openaiUsage(reply: unknown): TokenUsage | undefined {
  const usage = objectAt(reply, "usage");
  const input = countAt(usage, "prompt_tokens");
  const completion = countAt(usage, "completion_tokens");
  if (input === undefined || completion === undefined) return undefined;
  const output = Math.max(completion, (countAt(usage, "total_tokens") ?? 0) - input);
  const details = objectAt(usage, "prompt_tokens_details");
  const cacheRead = Math.min(input, countAt(details, "cached_tokens") ?? 0);
  const cacheWrite = Math.min(input - cacheRead, countAt(details, "cache_write_tokens") ?? 0);
  return { input, output, cacheRead, cacheWrite, cacheWrite1h: 0 };
}

/** Usage as Anthropic reports it; the provider counts cached input apart from `input_tokens`. */
export function anthropicUsage(reply: unknown): TokenUsage | undefined {
  const usage = objectAt(reply, "usage");
  const plain = countAt(usage, "input_tokens");
  const output = countAt(usage, "output_tokens");
  if (plain === undefined || output === undefined) return undefined;
  const cacheRead = countAt(usage, "cache_read_input_tokens") ?? 0;
  const cacheWrite = countAt(usage, "cache_creation_input_tokens") ?? 0;
  const cacheWrite1h = Math.min(
    cacheWrite,
    countAt(objectAt(usage, "cache_creation"), "ephemeral_1h_input_tokens") ?? 0,
  );
  return { input: plain + cacheRead + cacheWrite, output, cacheRead, cacheWrite, cacheWrite1h };
}

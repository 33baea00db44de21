import type { TokenUsage } from "../../../budget/index.ts";
import { countAt, objectAt } from "./json.ts";

/** No answer has more tokens. A larger figure is a fault of the provider, and would overflow the ledger. */
const tokensMax = 1_000_000_000;

const tokensAt = (usage: unknown, key: string): number | undefined => {
  const count = countAt(usage, key);
  return count === undefined || count > tokensMax ? undefined : count;
};

/**
 * Usage as an OpenAI-compatible provider reports it; undefined when it is not whole. Some leave reasoning out of
 * `completion_tokens` and count it in `total_tokens` alone.
 */
export function openaiUsage(reply: unknown): TokenUsage | undefined {
  const usage = objectAt(reply, "usage");
  const input = tokensAt(usage, "prompt_tokens");
  const completion = tokensAt(usage, "completion_tokens");
  if (input === undefined || completion === undefined) return undefined;
  const output = Math.max(completion, (tokensAt(usage, "total_tokens") ?? 0) - input);
  const details = objectAt(usage, "prompt_tokens_details");
  const cacheRead = Math.min(input, tokensAt(details, "cached_tokens") ?? 0);
  const cacheWrite = Math.min(input - cacheRead, tokensAt(details, "cache_write_tokens") ?? 0);
  return { input, output, cacheRead, cacheWrite, cacheWrite1h: 0 };
}

/** Usage as Anthropic reports it; the provider counts cached input apart from `input_tokens`. */
export function anthropicUsage(reply: unknown): TokenUsage | undefined {
  const usage = objectAt(reply, "usage");
  const plain = tokensAt(usage, "input_tokens");
  const output = tokensAt(usage, "output_tokens");
  if (plain === undefined || output === undefined) return undefined;
  const cacheRead = tokensAt(usage, "cache_read_input_tokens") ?? 0;
  const cacheWrite = tokensAt(usage, "cache_creation_input_tokens") ?? 0;
  const cacheWrite1h = Math.min(
    cacheWrite,
    tokensAt(objectAt(usage, "cache_creation"), "ephemeral_1h_input_tokens") ?? 0,
  );
  return { input: plain + cacheRead + cacheWrite, output, cacheRead, cacheWrite, cacheWrite1h };
}

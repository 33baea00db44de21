import type { SourceFile } from "./source-files.ts";

/** Patterns of each mechanism's definition, as opposed to its use. */
export const definitions: Readonly<Record<string, RegExp>> = {
  // A back-off doubles per attempt, as a power or in a variable.
  "back-off formulas": /\* 2 \*\* |Math\.pow\(2|\bwait\w*Ms \* 2\b/,
  // A bucket is refilled by elapsed time up to a burst, or stores the time until which a key is busy.
  "token buckets": /Math\.min\([^;]*[bB]urst,[^;]*\+|Math\.max\(now, this\.#\w+\.get\(\w+\) \?\? 0\) \+/,
  "circuit breakers": /^(?:export )?class (?:Circuit|CircuitBreaker)\b/m,
};

/** Returns the files whose code matches, without comments. */
export const filesThatName = (files: readonly SourceFile[], pattern: RegExp): string[] =>
  files.filter(({ code }) => pattern.test(code)).map(({ path }) => path);

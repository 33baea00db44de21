import type { SourceFile } from "./source-files.ts";

/** How each mechanism looks where it is defined, rather than used. */
export const definitions: Readonly<Record<string, RegExp>> = {
  // Doubling per attempt, as a power or in a variable.
  "back-off formulas": /\* 2 \*\* |Math\.pow\(2|\bwait\w*Ms \* 2\b/,
  // Refilled by elapsed time up to a burst, or the same as a time until which a key is busy.
  "token buckets": /Math\.min\([^;]*[bB]urst,[^;]*\+|Math\.max\(now, this\.#\w+\.get\(\w+\) \?\? 0\) \+/,
  "circuit breakers": /^(?:export )?class (?:Circuit|CircuitBreaker)\b/m,
};

/** The files whose code matches, comments apart. */
export const filesThatName = (files: readonly SourceFile[], pattern: RegExp): string[] =>
  files.filter(({ code }) => pattern.test(code)).map(({ path }) => path);

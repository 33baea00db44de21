/** The four amounts that the budget counts. All are integers, and money is in nano-dollars, so that no sum is rounded. */
export interface Amounts {
  readonly costNanoUsd: number;
  readonly tokens: number;
  readonly calls: number;
  readonly durationMs: number;
}

export const nothing: Amounts = { costNanoUsd: 0, tokens: 0, calls: 0, durationMs: 0 };

/** The unit of a limit, as the wire has it. */
export const units = ["cost_nano_usd", "tokens", "calls", "duration_ms"] as const;
export type Unit = (typeof units)[number];

const fields = {
  cost_nano_usd: "costNanoUsd",
  tokens: "tokens",
  calls: "calls",
  duration_ms: "durationMs",
} as const satisfies Record<Unit, keyof Amounts>;

export const amountIn = (amounts: Amounts, unit: Unit): number => amounts[fields[unit]];

/** The most of each amount in one entry: 10000 dollars. Sums of millions of entries then stay exact and within the store's integers. */
export const entryMax = 10_000_000_000_000;

/** The amounts with each one bounded by what an entry can hold. */
export const clamped = ({ costNanoUsd, tokens, calls, durationMs }: Amounts): Amounts => ({
  costNanoUsd: Math.min(costNanoUsd, entryMax),
  tokens: Math.min(tokens, entryMax),
  calls: Math.min(calls, entryMax),
  durationMs: Math.min(durationMs, entryMax),
});

export const nanoPerUsd = 1_000_000_000;

/** Dollars as people write them, without needless decimals: `$1.00`, `$0.0042`. */
function formatUsd(nanoUsd: number): string {
  const decimals = (Math.abs(nanoUsd) / nanoPerUsd).toFixed(9).replace(/0{1,7}$/, "");
  return `${nanoUsd < 0 ? "-" : ""}$${decimals}`;
}

/** `$0.98`, `12000 tokens`, `30 calls`, `90000 ms`. */
export function formatAmount(unit: Unit, value: number): string {
  if (unit === "cost_nano_usd") return formatUsd(value);
  return `${value} ${unit === "duration_ms" ? "ms" : unit}`;
}

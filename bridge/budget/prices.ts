import { createRequire } from "node:module";
import type * as GenaiPrices from "@pydantic/genai-prices";
import type { ModelPrice } from "@pydantic/genai-prices";

/** The prices of one model in whole pico-dollars for each token, so that a sum of many tokens is exact. */
export interface Rates {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly cacheWrite1h: number;
}

/** The prices of a model at one moment. Each entry of the ledger keeps the price that it used. */
export interface Price {
  /** Where the price is from, e.g. `genai-prices 0.1.8` or `configuration`. */
  readonly source: string;
  readonly base: Rates;
  /** Prices of a call whose input is larger than `above` tokens, lowest first. */
  readonly tiers: readonly { readonly above: number; readonly rates: Rates }[];
}

/** The tokens of a call. `input` counts all tokens that the model read, from a cache or not. */
export interface TokenUsage {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  /** The part of `cacheWrite` that is kept for an hour. */
  readonly cacheWrite1h: number;
}

/** A price as an operator writes it: dollars for a million tokens. */
export interface ConfiguredPrice {
  readonly input: number;
  readonly output: number;
  readonly cacheRead?: number | undefined;
  readonly cacheWrite?: number | undefined;
}

const picoPerMtok = 1_000_000;
const minuteMs = 60_000;
const foundMax = 1_000;
const listSource = "genai-prices 0.1.8";

/** Prices by `provider/model`: those of the configuration first, then those of the list that comes with the bridge. */
export class PriceTable {
  readonly #configured: ReadonlyMap<string, ConfiguredPrice>;
  /** Prices that were looked up within one minute: the list is searched by patterns, which takes longer than a call may. */
  readonly #found = new Map<string, Price | undefined>();
  #foundInMinute = 0;

  constructor(configured: ReadonlyMap<string, ConfiguredPrice>) {
    this.#configured = configured;
  }

  /**
   * @param listName what the price list calls the provider
   * @returns undefined when nobody has set a price; such a model is not free, its price is unknown
   */
  find(provider: string, model: string, listName: string, at: Date): Price | undefined {
    const minute = Math.floor(at.getTime() / minuteMs);
    if (minute !== this.#foundInMinute || this.#found.size >= foundMax) this.#found.clear();
    this.#foundInMinute = minute;
    const key = `${provider}/${model}/${listName}`;
    if (this.#found.has(key)) return this.#found.get(key);
    const own = this.#configured.get(`${provider}/${model}`);
    const price = own === undefined ? fromList(listName, model, at) : fromConfiguration(own);
    this.#found.set(key, price);
    return price;
  }
}

/** What the usage costs, in whole nano-dollars, rounded up once. */
export function costNanoUsd(price: Price, usage: TokenUsage): number {
  const tier = price.tiers.findLast(({ above }) => usage.input > above);
  const rates = tier?.rates ?? price.base;
  const plain = Math.max(0, usage.input - usage.cacheRead - usage.cacheWrite);
  const write5m = Math.max(0, usage.cacheWrite - usage.cacheWrite1h);
  const picoUsd =
    BigInt(plain) * BigInt(rates.input) +
    BigInt(usage.cacheRead) * BigInt(rates.cacheRead) +
    BigInt(write5m) * BigInt(rates.cacheWrite) +
    BigInt(usage.cacheWrite1h) * BigInt(rates.cacheWrite1h) +
    BigInt(usage.output) * BigInt(rates.output);
  return Number((picoUsd + 999n) / 1_000n);
}

/** The most that this many tokens can cost, in any tier and cache. */
export function worstCaseNanoUsd(price: Price, inputTokens: number, outputTokens: number): number {
  const reachable = [price.base, ...price.tiers.filter(({ above }) => inputTokens > above).map(({ rates }) => rates)];
  const dearestInput = Math.max(
    ...reachable.flatMap((rates) => [rates.input, rates.cacheWrite, rates.cacheWrite1h, rates.cacheRead]),
  );
  const dearestOutput = Math.max(...reachable.map(({ output }) => output));
  return Number(
    (BigInt(inputTokens) * BigInt(dearestInput) + BigInt(outputTokens) * BigInt(dearestOutput) + 999n) / 1_000n,
  );
}

function fromConfiguration(own: ConfiguredPrice): Price {
  const input = pico(own.input);
  const cacheWrite = own.cacheWrite === undefined ? input : pico(own.cacheWrite);
  const base = {
    input,
    output: pico(own.output),
    cacheRead: own.cacheRead === undefined ? input : pico(own.cacheRead),
    cacheWrite,
    cacheWrite1h: cacheWrite,
  };
  return { source: "configuration", base, tiers: [] };
}

/** The list is loaded with its first use: it takes 12 MB, which a bridge without model calls does not need. */
function fromList(listName: string, model: string, at: Date): Price | undefined {
  const { calcPrice } = createRequire(import.meta.url)("@pydantic/genai-prices") as typeof GenaiPrices;
  const listed = calcPrice({ input_tokens: 0 }, model, { providerId: listName, timestamp: at })?.model_price;
  if (listed === undefined || rate(listed, "input_mtok") === undefined || rate(listed, "output_mtok") === undefined)
    return undefined;
  const starts = new Set(
    Object.values(listed).flatMap((value) => (typeof value === "object" ? value.tiers.map(({ start }) => start) : [])),
  );
  const tiers = [...starts].sort((a, b) => a - b).map((above) => ({ above, rates: ratesAt(listed, above + 1) }));
  return { source: listSource, base: ratesAt(listed, 0), tiers };
}

function ratesAt(listed: ModelPrice, inputTokens: number): Rates {
  const at = (key: string) => rate(listed, key, inputTokens);
  const input = at("input_mtok") ?? 0;
  const cacheWrite = at("cache_write_mtok") ?? input;
  return {
    input,
    output: at("output_mtok") ?? 0,
    cacheRead: at("cache_read_mtok") ?? input,
    cacheWrite,
    cacheWrite1h: at("cache_write_1h_mtok") ?? cacheWrite,
  };
}

function rate(listed: ModelPrice, key: string, inputTokens = 0): number | undefined {
  const value = listed[key];
  if (value === undefined) return undefined;
  if (typeof value === "number") return pico(value);
  const tier = [...value.tiers].sort((a, b) => a.start - b.start).findLast(({ start }) => inputTokens > start);
  return pico(tier?.price ?? value.base);
}

/** Rounded up, except for the error that the binary form of a decimal has behind its twelfth digit. */
const pico = (usdPerMtok: number): number => Math.ceil(Number((usdPerMtok * picoPerMtok).toPrecision(12)));

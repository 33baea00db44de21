import type { ProviderSettings } from "../adapters/llm/index.ts";
import { type ConfiguredPrice, type Limit, nanoPerUsd, type RunawayLimits, type Unit } from "../budget/index.ts";
import type { Config } from "../config/index.ts";

const unitOf: Readonly<Record<Config["budget"]["limits"][number]["unit"], Unit>> = {
  usd: "cost_nano_usd",
  tokens: "tokens",
  calls: "calls",
  ms: "duration_ms",
};

/** The configured limits in the ledger's units. */
export const configuredLimits = ({ budget }: Config): Limit[] =>
  budget.limits.map(({ scope, window, unit, soft, hard, onHard }) => {
    const inUnit = (value: number | undefined) =>
      value === undefined ? null : unit === "usd" ? Math.round(value * nanoPerUsd) : Math.floor(value);
    return { scope, window, unit: unitOf[unit], soft: inUnit(soft), hard: inUnit(hard), onHard };
  });

export const configuredPrices = ({ budget }: Config): Map<string, ConfiguredPrice> =>
  new Map(
    Object.entries(budget.prices).map(([model, { input, output, cacheRead, cacheWrite }]) => [
      model,
      { input, output, cacheRead, cacheWrite },
    ]),
  );

export const configuredServicePrices = ({ budget }: Config): Map<string, number> =>
  new Map(Object.entries(budget.servicePrices).map(([service, usd]) => [service, Math.ceil(usd * nanoPerUsd)]));

export const providerSettings = ({ llm }: Config): ProviderSettings[] =>
  Object.entries(llm.providers).map(([name, { kind, baseUrl, secret, models, priceListName, outputCapField }]) => ({
    name,
    kind,
    baseUrl,
    secret,
    models,
    listName: priceListName ?? name,
    outputCapField,
  }));

type Limits = Config["llm"]["runawayLimits"];

/** The runaway limits: a policy's own value replaces the general one. */
export function runawayLimits(
  usual: Limits,
  own: { readonly [K in keyof Limits]?: Limits[K] | undefined } = {},
): RunawayLimits {
  return {
    callsPerMinuteMax: own.callsPerMinuteMax ?? usual.callsPerMinuteMax,
    identicalCallsMax: own.identicalCallsMax ?? usual.identicalCallsMax,
    callsWithoutProgressMax: own.callsWithoutProgressMax ?? usual.callsWithoutProgressMax,
    runMsMax: own.runMsMax ?? usual.runMsMax,
    idleGate: own.idleGate ?? usual.idleGate,
    turnMs: own.turnMs ?? usual.turnMs,
    turnCallsMax: own.turnCallsMax ?? usual.turnCallsMax,
  };
}

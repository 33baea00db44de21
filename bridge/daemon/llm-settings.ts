import type { ProviderSettings } from "../adapters/llm/index.ts";
import { type BrakeSettings, type ConfiguredPrice, type Limit, nanoPerUsd, type Unit } from "../budget/index.ts";
import type { Config } from "../config/index.ts";

const unitOf: Readonly<Record<Config["budget"]["limits"][number]["unit"], Unit>> = {
  usd: "cost_nano_usd",
  tokens: "tokens",
  calls: "calls",
  ms: "duration_ms",
};

/** The configured limits in the ledger's units. */
export const configuredLimits = ({ budget }: Config): Limit[] =>
  budget.limits.map(({ scope, window, unit, soft, hard, on_hard }) => {
    const inUnit = (value: number | undefined) =>
      value === undefined ? null : unit === "usd" ? Math.round(value * nanoPerUsd) : Math.floor(value);
    return { scope, window, unit: unitOf[unit], soft: inUnit(soft), hard: inUnit(hard), onHard: on_hard };
  });

export const configuredPrices = ({ budget }: Config): Map<string, ConfiguredPrice> =>
  new Map(
    Object.entries(budget.prices).map(([model, { input, output, cache_read, cache_write }]) => [
      model,
      { input, output, cacheRead: cache_read, cacheWrite: cache_write },
    ]),
  );

export const configuredServicePrices = ({ budget }: Config): Map<string, number> =>
  new Map(Object.entries(budget.service_prices).map(([service, usd]) => [service, Math.ceil(usd * nanoPerUsd)]));

export const providerSettings = ({ llm }: Config): ProviderSettings[] =>
  Object.entries(llm.providers).map(
    ([name, { kind, base_url, secret, models, price_list_name, output_cap_field }]) => ({
      name,
      kind,
      baseUrl: base_url,
      secret,
      models,
      listName: price_list_name ?? name,
      outputCapField: output_cap_field,
    }),
  );

type Brake = Config["llm"]["brakes"];

/** The brakes, with a policy's own in place of the usual ones. */
export function brakeSettings(
  usual: Brake,
  own: { readonly [K in keyof Brake]?: Brake[K] | undefined } = {},
): BrakeSettings {
  return {
    callsPerMinuteMax: own.calls_per_minute_max ?? usual.calls_per_minute_max,
    identicalCallsMax: own.identical_calls_max ?? usual.identical_calls_max,
    callsWithoutProgressMax: own.calls_without_progress_max ?? usual.calls_without_progress_max,
    runMsMax: own.run_ms_max ?? usual.run_ms_max,
    idleGate: own.idle_gate ?? usual.idle_gate,
    turnMs: own.turn_ms ?? usual.turn_ms,
    turnCallsMax: own.turn_calls_max ?? usual.turn_calls_max,
  };
}

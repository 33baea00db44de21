import { BridgeError } from "@armorclaw/protocol/errors";
import type { ListedService } from "../config/index.ts";
import { nanoPerUsd } from "./amounts.ts";

/** A price of something other than tokens, from a day on. */
interface DatedPrice {
  readonly from: string;
  readonly nanoUsd: number;
}

/**
 * List prices of services for one unit, in nano-dollars, with the day of the figure. A price is for one country or plan only where
 * its name says so. A service that is not listed has no price until an operator sets one.
 */
const listed: Readonly<Record<ListedService, readonly DatedPrice[]>> = {
  "twilio.sms.us": [{ from: "2025-01-01", nanoUsd: 8_300_000 }],
  "twilio.voice_out_minute.us": [{ from: "2025-01-01", nanoUsd: 14_000_000 }],
  "twilio.voice_in_minute.us": [{ from: "2025-01-01", nanoUsd: 8_500_000 }],
  "openai.tts-1.character": [{ from: "2024-01-01", nanoUsd: 15_000 }],
  "openai.tts-1-hd.character": [{ from: "2024-01-01", nanoUsd: 30_000 }],
  "openai.whisper-1.minute": [{ from: "2024-01-01", nanoUsd: 6_000_000 }],
};

/** What one unit of a service costs, and who says so. */
export interface ServicePrice {
  readonly nanoUsd: number;
  readonly source: string;
}

/** Prices of services by name; those of the configuration come first. */
export class ServicePrices {
  readonly #configured: ReadonlyMap<string, number>;

  /** @param configured name → nano-dollars for one unit */
  constructor(configured: ReadonlyMap<string, number>) {
    this.#configured = configured;
  }

  get names(): readonly string[] {
    return [...new Set([...this.#configured.keys(), ...Object.keys(listed)])].sort();
  }

  /** @returns the price of one unit on that day, or undefined when nobody has set one */
  find(service: string, at: Date): ServicePrice | undefined {
    const own = this.#configured.get(service);
    if (own !== undefined) return { nanoUsd: own, source: "configuration" };
    const day = at.toISOString().slice(0, 10);
    const prices: Readonly<Record<string, readonly DatedPrice[]>> = listed;
    const dated = (Object.hasOwn(prices, service) ? prices[service] : undefined)?.findLast(({ from }) => from <= day);
    return dated === undefined ? undefined : { nanoUsd: dated.nanoUsd, source: `list of ${dated.from}` };
  }

  /**
   * What a quantity of a service costs. Whoever reserves may name a cost above the price, but not below it.
   * @throws BridgeError PRICE_UNKNOWN when neither a price nor a cost is known
   */
  costOf(
    {
      service,
      quantity,
      costNanoUsd: given,
    }: { service?: string | undefined; quantity: number; costNanoUsd?: number | undefined },
    at: Date,
  ): { readonly costNanoUsd: number; readonly price: ServicePrice | undefined } {
    const price = service === undefined ? undefined : this.find(service, at);
    if (price === undefined && given === undefined) {
      throw new BridgeError(
        "PRICE_UNKNOWN",
        `${service ?? "What is reserved"} has no price; say \`cost_nano_usd\` or set a price`,
        { service, known: this.names },
      );
    }
    return { costNanoUsd: Math.max(given ?? 0, (price?.nanoUsd ?? 0) * quantity), price };
  }
}

/** The configuration's prices of services, in nano-dollars for one unit. */
export const servicePricesOf = (prices: Readonly<Record<string, number>>): Map<string, number> =>
  new Map(Object.entries(prices).map(([service, usd]) => [service, Math.ceil(usd * nanoPerUsd)]));

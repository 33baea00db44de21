import type { Principal, Role } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Clock } from "../../platform/clock.ts";
import { type Rate, TokenBuckets } from "../../platform/token-bucket.ts";
import type { MethodEntry } from "../dispatch/method-table.ts";

/** `control` holds the methods that reduce work or check liveness: `rpc.ping`, `rpc.cancel` and `rpc.stream_credit`. */
const methodClasses = ["read", "write", "control"] as const;
export type MethodClass = (typeof methodClasses)[number];

export interface RateLimitOptions {
  readonly rates: Readonly<Record<Role, Readonly<Record<MethodClass, Rate>>>>;
  /** How many calls a refused call costs, so that a caller that does not wait is kept waiting. The debt is one burst at most. */
  readonly penalty: number;
  readonly clock: Pick<Clock, "monotonic">;
}

const rate = (perSecond: number): Rate => ({ perSecond, burst: 2 * perSecond });
const unlimited = rate(10_000_000);

/** Admins are not limited in practice. The limits of other roles follow from their use. */
export const defaultRates: RateLimitOptions["rates"] = {
  admin: { read: unlimited, write: unlimited, control: unlimited },
  operator: { read: rate(5_000), write: rate(1_000), control: rate(20_000) },
  viewer: { read: rate(1_000), write: rate(100), control: rate(10_000) },
  agent: { read: rate(2_000), write: rate(2_000), control: rate(20_000) },
};

/** Calls per second; a rate that is left out has the default of its role. */
export interface ConfiguredRates {
  readonly readPerS?: number | undefined;
  readonly writePerS?: number | undefined;
  readonly controlPerS?: number | undefined;
}

/** The rates of each role. At once, twice as many calls may come as in a second. */
export function configuredRates(configured: Readonly<Record<Role, ConfiguredRates>>): RateLimitOptions["rates"] {
  const rateOf = (perSecond: number | undefined, fallback: Rate): Rate =>
    perSecond === undefined ? fallback : { perSecond, burst: Math.max(1, 2 * perSecond) };
  const ratesOf = (role: Role) => {
    const { readPerS, writePerS, controlPerS } = configured[role];
    const { read, write, control } = defaultRates[role];
    return { read: rateOf(readPerS, read), write: rateOf(writePerS, write), control: rateOf(controlPerS, control) };
  };
  return { admin: ratesOf("admin"), operator: ratesOf("operator"), viewer: ratesOf("viewer"), agent: ratesOf("agent") };
}

/** The principals of one role whose buckets are kept. */
const principalsMax = 10_000;

const controlMethods = new Set(["rpc.ping", "rpc.cancel", "rpc.stream_credit"]);
const classOf = ({ name, isWrite }: Pick<MethodEntry, "name" | "isWrite">): MethodClass =>
  controlMethods.has(name) ? "control" : isWrite ? "write" : "read";

/** How fast each principal may call, by the class of the method. Every connection of a principal draws on the same buckets. */
export class RateLimits {
  readonly #options: RateLimitOptions;
  readonly #buckets: Readonly<Record<Role, Readonly<Record<MethodClass, TokenBuckets>>>>;
  readonly #classes = new WeakMap<object, MethodClass>();
  #refused = 0;

  constructor(options: RateLimitOptions) {
    this.#options = options;
    const { rates, clock } = options;
    const bucketsOf = (role: Role) => {
      const of = (methodClass: MethodClass) =>
        new TokenBuckets({ rate: rates[role][methodClass], keysMax: principalsMax, clock });
      return { read: of("read"), write: of("write"), control: of("control") };
    };
    this.#buckets = {
      admin: bucketsOf("admin"),
      operator: bucketsOf("operator"),
      viewer: bucketsOf("viewer"),
      agent: bucketsOf("agent"),
    };
  }

  /** Calls that were refused. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * Takes one call.
   * @param now the clock's time, where the caller has it already
   * @returns RATE_LIMITED when there is none to take
   */
  readonly authorize = (
    method: MethodEntry,
    principal: Principal,
    now = this.#options.clock.monotonic(),
  ): BridgeError | undefined => {
    let methodClass = this.#classes.get(method);
    if (methodClass === undefined) {
      methodClass = classOf(method);
      this.#classes.set(method, methodClass);
    }
    const waitMs = this.#buckets[principal.role][methodClass].take(principal.id, 1, this.#options.penalty, now);
    if (waitMs === 0) return undefined;
    this.#refused += 1;
    const { perSecond } = this.#options.rates[principal.role][methodClass];
    return new BridgeError("RATE_LIMITED", `${principal.id} may make ${perSecond} ${methodClass} calls a second`, {
      retry_after_ms: waitMs,
      method_class: methodClass,
    });
  };
}

import type { Principal, Role } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { Clock } from "../platform/clock.ts";
import type { MethodEntry } from "./method-table.ts";

/** `control`: what makes less work for the bridge or shows that it lives (`rpc.ping`, `rpc.cancel`, `rpc.stream_credit`). */
const methodClasses = ["read", "write", "control"] as const;
export type MethodClass = (typeof methodClasses)[number];

/** A token bucket: it holds `burst` calls and gets `perSecond` of them back. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export interface RateLimitOptions {
  readonly rates: Readonly<Record<Role, Readonly<Record<MethodClass, Rate>>>>;
  /** How many calls a refused call costs, so that a caller that does not wait is kept waiting. The debt is one burst at most. */
  readonly penalty: number;
  readonly clock: Pick<Clock, "monotonic">;
}

const rate = (perSecond: number): Rate => ({ perSecond, burst: 2 * perSecond });
const unlimited = rate(10_000_000);

/** The owner of the machine is not limited, others are by what they are for. */
export const defaultRates: RateLimitOptions["rates"] = {
  admin: { read: unlimited, write: unlimited, control: unlimited },
  operator: { read: rate(5_000), write: rate(1_000), control: rate(20_000) },
  viewer: { read: rate(1_000), write: rate(100), control: rate(10_000) },
  agent: { read: rate(2_000), write: rate(2_000), control: rate(20_000) },
};

/** Principals that are remembered before those are forgotten whose buckets have filled up. */
const rememberedMax = 10_000;

const controlMethods = new Set(["rpc.ping", "rpc.cancel", "rpc.stream_credit"]);
const classOf = ({ name, isWrite }: Pick<MethodEntry, "name" | "isWrite">): MethodClass =>
  controlMethods.has(name) ? "control" : isWrite ? "write" : "read";

/** How fast each principal may call, by the class of the method. Every connection of a principal draws on the same buckets. */
export class RateLimits {
  readonly #options: RateLimitOptions;
  readonly #byPrincipal = new Map<string, Buckets>();
  readonly #classes = new WeakMap<object, MethodClass>();
  #refused = 0;

  constructor(options: RateLimitOptions) {
    this.#options = options;
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
  readonly gate = (
    method: MethodEntry,
    principal: Principal,
    now = this.#options.clock.monotonic(),
  ): BridgeError | undefined => {
    let methodClass = this.#classes.get(method);
    if (methodClass === undefined) {
      methodClass = classOf(method);
      this.#classes.set(method, methodClass);
    }
    const known = this.#byPrincipal.get(principal.id);
    // A principal may have been given another role since.
    const buckets = known?.role === principal.role ? known : this.#remember(principal, now);
    const waitMs = buckets[methodClass].take(now, this.#options.penalty);
    if (waitMs === 0) return undefined;
    this.#refused += 1;
    const { perSecond } = this.#options.rates[principal.role][methodClass];
    return new BridgeError("RATE_LIMITED", `${principal.id} may make ${perSecond} ${methodClass} calls a second`, {
      retry_after_ms: waitMs,
      method_class: methodClass,
    });
  };

  #remember(principal: Principal, now: number): Buckets {
    if (this.#byPrincipal.size >= rememberedMax) this.#forgetFull(now);
    const { role } = principal;
    const rates = this.#options.rates[role];
    const bucket = (methodClass: MethodClass) => new Bucket(rates[methodClass], now);
    const buckets = { role, read: bucket("read"), write: bucket("write"), control: bucket("control") };
    this.#byPrincipal.set(principal.id, buckets);
    return buckets;
  }

  /** A full bucket and none are the same. */
  #forgetFull(now: number): void {
    for (const [id, buckets] of this.#byPrincipal) {
      if (methodClasses.every((methodClass) => buckets[methodClass].isFull(now))) this.#byPrincipal.delete(id);
    }
  }
}

interface Buckets extends Readonly<Record<MethodClass, Bucket>> {
  readonly role: Role;
}

class Bucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor({ perSecond, burst }: Rate, now: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  isFull(now: number): boolean {
    this.#fill(now);
    return this.#tokens === this.#burst;
  }

  /** @returns 0 when there was one to take, else in how many milliseconds there will be */
  take(now: number, penalty: number): number {
    this.#fill(now);
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    this.#tokens = Math.max(-this.#burst, this.#tokens - penalty);
    return Math.ceil((1 - this.#tokens) / this.#perMs);
  }

  #fill(now: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
  }
}

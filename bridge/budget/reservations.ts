import { randomUUID } from "node:crypto";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { AgentDirectory } from "../lifecycle/index.ts";
import type { Clock } from "../platform/clock.ts";
import { TokenBuckets } from "../platform/token-bucket.ts";
import type { Budget, ReserveRequest } from "./budget.ts";
import type { Spending } from "./ledger.ts";
import type { ServicePrices } from "./service-prices.ts";

/** An agent pays a service for each message or call that it makes itself: more than one a second is a loop that runs away. */
const rate = { perSecond: 1, burst: 60 };
const agentsMax = 10_000;
/** Reservations of one agent that are neither settled nor expired. */
const openMax = 100;

export interface ReservationsDeps {
  readonly budget: Budget;
  readonly services: ServicePrices;
  readonly agents: Pick<AgentDirectory, "loopOf">;
  readonly clock: Pick<Clock, "now" | "monotonic">;
}

/** What somebody is about to spend on a service. */
export interface Wanted {
  /** Who spends it. An agent that reserves spends it itself. */
  readonly agent?: string | undefined;
  readonly service?: string | undefined;
  readonly quantity: number;
  readonly costNanoUsd?: number | undefined;
  readonly tokens: number;
  readonly durationMs: number;
  readonly leaseMs: number;
  readonly task?: string | undefined;
  readonly run?: string | undefined;
}

export interface Reservation {
  readonly id: string;
  readonly costNanoUsd: number;
  readonly expiresAtMs: number;
}

/** What people and agents reserve by themselves. An agent never passes a hard limit of its own, and is not taken by its word alone. */
export class Reservations {
  readonly #deps: ReservationsDeps;
  readonly #buckets: TokenBuckets;

  constructor(deps: ReservationsDeps) {
    this.#deps = deps;
    this.#buckets = new TokenBuckets({ rate, keysMax: agentsMax, clock: deps.clock });
  }

  /**
   * @param own the agent that reserves; undefined for a person
   * @throws BridgeError FORBIDDEN, PRICE_UNKNOWN, BUDGET_NOT_GRANTED, RATE_LIMITED, or what `Budget.reserve` throws
   */
  async reserve(own: string | undefined, wanted: Wanted): Promise<Reservation> {
    const { services, agents, clock, budget } = this.#deps;
    if (own !== undefined && wanted.agent !== undefined && wanted.agent !== own)
      throw new BridgeError("FORBIDDEN", `${own} reserves for itself alone`);
    const agent = own ?? wanted.agent;
    const { service, task, run, leaseMs, tokens, durationMs } = wanted;
    const { price, costNanoUsd } = services.costOf(wanted, new Date(clock.now()));
    const id = randomUUID();
    // A service without a price is only a word; an agent must not count it against a provider's or a model's limit that others share.
    const counted = own === undefined || price !== undefined ? service : undefined;
    const loop = agent === undefined ? undefined : agents.loopOf(agent);
    const request: ReserveRequest = {
      id,
      attribution: { provider: counted?.split(".")[0], model: counted, agent, loop, task, run },
      amounts: { costNanoUsd, tokens, calls: 1, durationMs },
      price: price === undefined ? undefined : JSON.stringify(price),
      leaseMs,
      onExpiry: "release",
    };
    if (own !== undefined) this.#admit(own, request);
    await budget.reserve(request);
    return { id, costNanoUsd, expiresAtMs: clock.now() + leaseMs };
  }

  /**
   * Books what was spent; for an agent at most what it had reserved.
   * @throws BridgeError as `Budget.settle`, with an owner for an agent
   */
  async settle(own: string | undefined, id: string, spending: Spending): Promise<void> {
    await this.#deps.budget.settle(id, spending, own);
  }

  #admit(agent: string, { attribution }: ReserveRequest): void {
    const { budget } = this.#deps;
    if (!budget.hasOwnCostLimit(attribution)) {
      throw new BridgeError(
        "BUDGET_NOT_GRANTED",
        `${agent} may reserve nothing, because no hard limit in cost bounds it or its loop`,
        { scope: `agent:${agent}` },
      );
    }
    const open = budget.openOf(agent);
    if (open >= openMax) {
      throw new BridgeError("RATE_LIMITED", `${agent} has ${open} open reservations, which is the limit; settle some`);
    }
    const retryAfterMs = this.#buckets.take(agent);
    if (retryAfterMs > 0) {
      throw new BridgeError("RATE_LIMITED", `${agent} may make ${rate.perSecond} reservation a second`, {
        retry_after_ms: retryAfterMs,
      });
    }
  }
}

import { BridgeError } from "@armorclaw/protocol/errors";
import type { Clock } from "../platform/clock.ts";
import { TokenBuckets } from "../platform/token-bucket.ts";
import type { Budget, ReserveRequest } from "./budget.ts";
import type { Spending } from "./ledger.ts";

/** An agent pays a service for each message or call that it makes itself: more than one a second is a loop that runs away. */
const rate = { perSecond: 1, burst: 60 };
const agentsMax = 10_000;
/** Reservations of one agent that are neither settled nor expired. */
const openMax = 100;

/** What agents reserve by themselves: never outside a hard limit of their own, and never by their word alone. */
export class AgentReservations {
  readonly #budget: Budget;
  readonly #buckets: TokenBuckets;

  constructor(budget: Budget, clock: Pick<Clock, "monotonic">) {
    this.#budget = budget;
    this.#buckets = new TokenBuckets({ rate, keysMax: agentsMax, clock });
  }

  /** @throws BridgeError BUDGET_NOT_GRANTED, RATE_LIMITED, or what `Budget.reserve` throws */
  async reserve(agent: string, request: ReserveRequest): Promise<void> {
    if (!this.#budget.hasOwnCostLimit(request.attribution)) {
      throw new BridgeError(
        "BUDGET_NOT_GRANTED",
        `${agent} may reserve nothing, because no hard limit in cost bounds it or its loop`,
        { scope: `agent:${agent}` },
      );
    }
    const open = this.#budget.openOf(agent);
    if (open >= openMax) {
      throw new BridgeError("RATE_LIMITED", `${agent} has ${open} open reservations, which is the limit; settle some`);
    }
    const retryAfterMs = this.#buckets.take(agent);
    if (retryAfterMs > 0) {
      throw new BridgeError("RATE_LIMITED", `${agent} may make ${rate.perSecond} reservation a second`, {
        retry_after_ms: retryAfterMs,
      });
    }
    await this.#budget.reserve(request);
  }

  /** Books at most what was reserved. @throws BridgeError as `Budget.settle` with an owner */
  async settle(agent: string, id: string, spending: Spending): Promise<void> {
    await this.#budget.settle(id, spending, agent);
  }
}

import type { EventData } from "@armorclaw/protocol";
import { BridgeError } from "@armorclaw/protocol/errors";
import type { PublishEvent } from "../events/index.ts";
import type { AgentDirectory, Service } from "../lifecycle/index.ts";
import type { Logger } from "../logging/index.ts";
import type { Calendar, Windows } from "../platform/calendar.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Sql, Store } from "../store/index.ts";
import { AlertPublisher } from "./alert-publisher.ts";
import { type AlertContext, record, recordLevels } from "./alerts.ts";
import { type Amounts, amountIn, clamped, entryMax, formatAmount, type Unit, units } from "./amounts.ts";
import { firstRefusal, hasOwnCostLimit, isBounded, nameOf, roomIn, type Standing, standingsOf } from "./checks.ts";
import { forgetCounters, readBalance } from "./counters.ts";
import { freeze, frozenAgent, thaw } from "./frozen-agents.ts";
import {
  adjust,
  end,
  expired,
  expiredUnspent,
  findHeld,
  type Held,
  type Hold,
  hold,
  openOf,
  type Spending,
} from "./ledger.ts";
import { applyConfigured, type Limit } from "./limits.ts";
import { type Attribution, everything } from "./scopes.ts";

export interface BudgetDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly calendar: Calendar;
  readonly publish: PublishEvent;
  /** Freezes, thaws and stops agents that have reached a hard limit. */
  readonly agentHold: Pick<AgentDirectory, "freeze" | "thaw" | "stop">;
  readonly logger: Logger;
}

export interface BudgetSettings {
  readonly limits: readonly Limit[];
  /** Percentages of a bound at which an alert is published, ascending. */
  readonly thresholds: readonly number[];
  readonly sweepEveryMs: number;
}

export interface ReserveRequest {
  readonly id: string;
  readonly attribution: Attribution;
  readonly amounts: Amounts;
  readonly price?: string | undefined;
  /** How long the amounts are held when nobody settles the reservation. */
  readonly leaseMs: number;
  readonly onExpiry: Hold["onExpiry"];
}

/** Expired reservations that one transaction ends. */
const expiredAtOnceMax = 1_000;

interface Refusal {
  readonly standing: Standing;
  readonly isFirst: boolean;
  readonly resetsAtMs: number | null;
}

/** Holds amounts before they are spent and books them after, so that spending never passes a hard limit. */
export class Budget implements Service {
  readonly name = "budget";
  readonly #deps: BudgetDeps;
  readonly #settings: BudgetSettings;
  readonly #alerts: AlertPublisher;
  #sweeper: Timer | undefined;
  #sweeping: Promise<void> | undefined;

  constructor(deps: BudgetDeps, settings: BudgetSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#alerts = new AlertPublisher(deps);
  }

  async start(): Promise<void> {
    const { store, clock } = this.#deps;
    await store.write((sql) => {
      forgetCounters(sql);
      applyConfigured(sql, this.#settings.limits);
    });
    await this.sweep();
    this.#sweeper = clock.every(this.#settings.sweepEveryMs, () => {
      this.#sweeping ??= this.sweep()
        .catch((error: unknown) => this.#deps.logger.error({ error }, "The sweep of the budget failed"))
        .finally(() => {
          this.#sweeping = undefined;
        });
    });
  }

  async stop(): Promise<void> {
    this.#sweeper?.cancel();
    await this.#sweeping;
    await this.#alerts.publish();
  }

  /**
   * Holds the amounts if every limit of every scope has room for them. Resolves when the reservation is durable.
   * @throws BridgeError BUDGET_EXCEEDED, BUDGET_FROZEN, INVALID_PARAMS for an amount that no entry can hold
   */
  async reserve(request: ReserveRequest): Promise<void> {
    const large = units.find((unit) => amountIn(request.amounts, unit) > entryMax);
    if (large !== undefined) {
      const most = formatAmount(large, entryMax);
      throw new BridgeError("INVALID_PARAMS", `One reservation holds at most ${most}; reserve a part of it at a time`);
    }
    const refusal = await this.#deps.store.write((sql) => this.#tryReserve(sql, request));
    if (refusal === undefined) return;
    if ("reason" in refusal)
      throw new BridgeError(
        "BUDGET_FROZEN",
        `${request.attribution.agent} is frozen and may spend nothing: ${refusal.reason}`,
      );
    if (refusal.isFirst) await this.#onExhausted(refusal, request);
    throw exceeded(refusal, request.amounts);
  }

  /**
   * Books what was spent of a reservation. After the reservation has expired, books the difference to what its expiry booked.
   * Resolves when no power cut can make it less.
   * @param owner the agent that settles by its own word: the reservation must be its own, and no more is booked than it held
   * @throws BridgeError RESERVATION_NOT_FOUND when it does not exist or was settled; INVALID_PARAMS and BUDGET_EXCEEDED for an owner
   */
  async settle(id: string, reported: Spending, owner?: string): Promise<void> {
    const { store, publish } = this.#deps;
    const spending = { ...reported, amounts: clamped(reported.amounts) };
    // A power cut may take a commit away. The reservation is then open again: where its expiry would book less, the disk is awaited.
    const before = store.read((sql) => findHeld(sql, id));
    const isCovered = before !== undefined && coversAtExpiry(before, spending.amounts);
    const settled = await store[isCovered ? "commit" : "write"]((sql) => {
      const held = findHeld(sql, id);
      const atMs = this.#deps.clock.now();
      if (held === undefined || (owner !== undefined && held.attribution.agent !== owner)) throw notFound(id);
      if (owner !== undefined) checkOwnWord(sql, id, held, spending.amounts);
      if (held.onExpiry !== undefined) end(sql, id, held, "settle", atMs, spending);
      else if (!adjust(sql, id, held, atMs, spending)) throw notFound(id);
      this.#recordLevels(sql, held.attribution, held.windows, atMs);
      return held;
    });
    if (spending.amounts.costNanoUsd > settled.amounts.costNanoUsd) {
      publish("budget.overrun", "bridge", {
        reservation_id: id,
        agent_id: settled.attribution.agent ?? null,
        scope: settled.attribution.agent === undefined ? everything : `agent:${settled.attribution.agent}`,
        reserved_nano_usd: settled.amounts.costNanoUsd,
        cost_nano_usd: spending.amounts.costNanoUsd,
      });
    }
    await this.#alerts.publish();
  }

  /** Releases a reservation. One that has ended stays as it is. */
  release(id: string): Promise<void> {
    return this.#deps.store.write((sql) => {
      const held = findHeld(sql, id);
      if (held?.onExpiry !== undefined) end(sql, id, held, "release", this.#deps.clock.now(), undefined);
    });
  }

  /** Whether a hard limit in cost bounds the attribution's agent or loop by itself. */
  hasOwnCostLimit(attribution: Attribution): boolean {
    return this.#deps.store.read((sql) => hasOwnCostLimit(sql, attribution));
  }

  /** How many reservations of the agent are open. */
  openOf(agent: string): number {
    return this.#deps.store.read((sql) => openOf(sql, agent));
  }

  /** Whether a hard limit in the unit bounds the attribution. */
  isBounded(attribution: Attribution, unit: Unit): boolean {
    return this.#deps.store.read((sql) => isBounded(sql, attribution, unit));
  }

  /** How much the hard limits in the unit leave for the attribution; Infinity without one. */
  room(attribution: Attribution, unit: Unit): number {
    const { store, calendar, clock } = this.#deps;
    return store.read((sql) => roomIn(standingsOf(sql, attribution, calendar.at(clock.now()), readBalance), unit));
  }

  /** Ends expired reservations, resumes agents whose limit has room again, and publishes pending alerts. */
  async sweep(): Promise<void> {
    const { store, clock, calendar, publish, agentHold, logger } = this.#deps;
    const ended = await store.write((sql) => this.#expire(sql, clock.now()));
    for (const facts of ended) publish("budget.expired", "bridge", facts);
    const thawed = await store.write((sql) => thaw(sql, calendar.at(clock.now())));
    for (const agent of thawed) {
      publish("budget.thawed", "bridge", { agent_id: agent });
      await agentHold
        .thaw(agent)
        .catch((error: unknown) =>
          logger.error({ error, agent }, "An agent whose limit has room again could not be resumed"),
        );
    }
    await this.#alerts.publish();
  }

  #tryReserve(sql: Sql, request: ReserveRequest): Refusal | { readonly reason: string } | undefined {
    const { clock, calendar } = this.#deps;
    const atMs = clock.now();
    const windows = calendar.at(atMs);
    const { attribution, amounts } = request;
    const frozen = attribution.agent === undefined ? undefined : frozenAgent(sql, attribution.agent);
    if (frozen !== undefined) return { reason: frozen.reason };
    const standing = firstRefusal(standingsOf(sql, attribution, windows), amounts);
    if (standing === undefined) {
      const price = request.price ?? null;
      hold(sql, { ...request, price, expiresAtMs: atMs + request.leaseMs }, windows, atMs);
      return undefined;
    }
    const context = this.#alertContext(attribution, atMs);
    const isFirst = record(sql, standing, "refused", context);
    const resetsAtMs = context.endOf(standing);
    const { agent } = attribution;
    if (standing.limit.onHard === "freeze" && agent !== undefined) {
      freeze(
        sql,
        agent,
        standing,
        resetsAtMs,
        `${nameOf(standing.scope, standing.limit.window, standing.limit.unit)} is exhausted`,
      );
      return { standing, isFirst: true, resetsAtMs };
    }
    return { standing, isFirst: isFirst || standing.limit.onHard === "stop", resetsAtMs };
  }

  #expire(sql: Sql, atMs: number): EventData<"budget.expired">[] {
    return expired(sql, atMs, expiredAtOnceMax).flatMap((id) => {
      const held = findHeld(sql, id);
      if (held === undefined) return [];
      const isSpent = held.onExpiry === "spend";
      const spending = { amounts: held.amounts, inputTokens: 0, outputTokens: 0, basis: "bound" } as const;
      end(sql, id, held, "expire", atMs, isSpent ? spending : undefined);
      this.#recordLevels(sql, held.attribution, held.windows, atMs);
      const booked = isSpent ? held.amounts.costNanoUsd : 0;
      return [
        {
          reservation_id: id,
          agent_id: held.attribution.agent ?? null,
          reserved_nano_usd: held.amounts.costNanoUsd,
          booked_nano_usd: booked,
        },
      ];
    });
  }

  /** Freezes or stops the agent as the limit says. A failure is only logged, because the money is refused already. */
  async #onExhausted(
    { standing: { limit, scope } }: Refusal,
    { attribution: { agent } }: ReserveRequest,
  ): Promise<void> {
    await this.#alerts.publish();
    const { agentHold, publish, logger } = this.#deps;
    if (agent === undefined || limit.onHard === "refuse") return;
    const reason = `${nameOf(scope, limit.window, limit.unit)} is exhausted`;
    if (limit.onHard === "freeze") publish("budget.frozen", "bridge", { agent_id: agent, scope, reason });
    const done = limit.onHard === "freeze" ? agentHold.freeze(agent, reason) : agentHold.stop(agent, reason);
    await done.catch((error: unknown) =>
      logger.error({ error, agent }, "An agent over its limit could not be frozen or stopped"),
    );
  }

  #recordLevels(sql: Sql, attribution: Attribution, windows: Windows, atMs: number): void {
    recordLevels(sql, attribution, windows, this.#settings.thresholds, this.#alertContext(attribution, atMs));
  }

  #alertContext(attribution: Attribution, atMs: number): AlertContext {
    const { calendar } = this.#deps;
    return { agent: attribution.agent ?? null, atMs, endOf: ({ limit }) => calendar.endOf(limit.window, atMs) ?? null };
  }
}

const notFound = (id: string) =>
  new BridgeError("RESERVATION_NOT_FOUND", `No reservation ${id} is open`, { reservation_id: id });

/** Whether the reservation books at least these amounts when nobody settles it. */
const coversAtExpiry = (held: Held, amounts: Amounts): boolean =>
  held.onExpiry === "spend" && units.every((unit) => amountIn(amounts, unit) <= amountIn(held.amounts, unit));

/**
 * An agent's word books no more than was held, and after the expiry gave that back only what the limits still have room for:
 * otherwise each expired reservation would be money that no limit counted. What the bridge reserved for the agent's own calls is
 * booked in full at its expiry and settled by the bridge alone.
 */
function checkOwnWord(sql: Sql, id: string, held: Held, amounts: Amounts): void {
  if (held.onExpiry === "spend" || (held.onExpiry === undefined && !expiredUnspent(sql, id))) throw notFound(id);
  const over = units.find((unit) => amountIn(amounts, unit) > amountIn(held.amounts, unit));
  if (over !== undefined) {
    const [spent, most] = [amountIn(amounts, over), amountIn(held.amounts, over)].map((n) => formatAmount(over, n));
    throw new BridgeError(
      "INVALID_PARAMS",
      `The reservation holds ${most} and cannot be settled with ${spent}; settle it with ${most} and reserve the rest`,
    );
  }
  if (held.onExpiry !== undefined) return;
  const standing = firstRefusal(standingsOf(sql, held.attribution, held.windows), amounts);
  if (standing !== undefined) throw exceeded({ standing, isFirst: false, resetsAtMs: null }, amounts);
}

function exceeded({ standing, resetsAtMs }: Refusal, amounts: Amounts): BridgeError {
  const { scope, limit, windowId, spent, held, ceiling } = standing;
  const { unit, window } = limit;
  const asked = amountIn(amounts, unit);
  const format = (value: number) => formatAmount(unit, value);
  const room = Math.max(0, (ceiling ?? 0) - spent - held);
  return new BridgeError(
    "BUDGET_EXCEEDED",
    `${nameOf(scope, window, unit)}: the request asks for ${format(asked)}, and ${format(room)} of ${format(ceiling ?? 0)} are left`,
    {
      scope,
      window,
      window_id: windowId,
      unit,
      limit: ceiling,
      spent,
      held,
      asked,
      resets_at: resetsAtMs === null ? null : new Date(resetsAtMs).toISOString(),
    },
  );
}

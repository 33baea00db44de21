import { randomUUID } from "node:crypto";
import { BridgeError, type MethodsOf, type Params, type Principal } from "@armorclaw/protocol";
import type {
  AgentReservations,
  Budget,
  BudgetAdmin,
  LimitStatus,
  ReserveRequest,
  ServicePrices,
} from "../budget/index.ts";
import { type KnownNames, unknownScope } from "../config/index.ts";
import type { AgentDirectory } from "../lifecycle/index.ts";
import type { Clock } from "../platform/clock.ts";
import type { Handlers } from "../rpc/index.ts";

export interface BudgetHandlerDeps {
  readonly budget: Budget;
  readonly ofAgents: AgentReservations;
  readonly admin: BudgetAdmin;
  readonly services: ServicePrices;
  readonly clock: Clock;
  readonly timeZone: string;
  readonly names: KnownNames;
  readonly agents: Pick<AgentDirectory, "loopOf">;
}

export function budgetHandlers(deps: BudgetHandlerDeps): Handlers<MethodsOf<"budget">> {
  const { budget, ofAgents, admin, timeZone, agents, names } = deps;
  /** A limit of what nothing is called would bound nothing. */
  const assertKnown = (scope: string) => {
    const wrong = unknownScope(scope, names);
    if (wrong !== undefined) throw new BridgeError("INVALID_PARAMS", wrong, { scope });
  };
  return {
    "budget.status": async ({ scope }, { principal }) => {
      const { limits, frozen } = await admin.status();
      const isShown = (candidate: string) =>
        (scope === undefined || candidate === scope) && bounds(candidate, principal, agents);
      return {
        time_zone: timeZone,
        limits: limits.filter(({ standing }) => isShown(standing.scope)).map(limitOnWire),
        frozen: frozen
          .filter(({ agent }) => principal.kind !== "agent" || principal.agentId === agent)
          .map(({ agent, scope: by, reason }) => ({ agent_id: agent, scope: by, reason })),
      };
    },
    "budget.set": async ({ scope, window, unit, soft, hard, on_hard, remove }, { principal }) => {
      if (remove === true && (soft !== undefined || hard !== undefined))
        throw new BridgeError("INVALID_PARAMS", "A limit that is removed has neither `hard` nor `soft`");
      if (remove === true) {
        await admin.removeLimit({ scope, window, unit }, principal.id);
        return { ok: true };
      }
      if (soft === undefined && hard === undefined)
        throw new BridgeError("INVALID_PARAMS", "A limit needs `hard` or `soft`; `remove` takes a limit away");
      assertKnown(scope);
      await admin.setLimit(
        { scope, window, unit, soft: soft ?? null, hard: hard ?? null, onHard: on_hard },
        principal.id,
      );
      return { ok: true };
    },
    "budget.report": async ({ by, from, to, limit }) => {
      const fromMs = from === undefined ? 0 : Date.parse(from);
      const toMs = to === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(to);
      const rows = await admin.report({ by, fromMs, toMs, rowsMax: limit });
      return {
        by,
        rows: rows.map(({ keys, spent, held, inputTokens, outputTokens, bounded }) => ({
          keys: by.map((dimension) => keys[dimension] ?? null),
          cost_nano_usd: spent.costNanoUsd,
          calls: spent.calls,
          input_tokens: inputTokens,
          output_tokens: outputTokens,
          duration_ms: spent.durationMs,
          held_nano_usd: held.costNanoUsd,
          bounded,
        })),
      };
    },
    "budget.topup": async ({ scope, window, unit, amount, reason }, { principal, signal }) => {
      if (principal.kind === "agent" && scope !== `agent:${principal.agentId}`) {
        throw new BridgeError("FORBIDDEN", `${principal.agentId} may ask for agent:${principal.agentId} alone`);
      }
      const { windowId, approvedBy } = await admin.topUp({ scope, window, unit, amount, reason }, principal.id, signal);
      return { window_id: windowId, approved_by: approvedBy };
    },
    "budget.reserve": (params, { principal }) => reserve(deps, params, principal),
    "budget.settle": async ({ reservation_id, cost_nano_usd, tokens, duration_ms, calls }, { principal }) => {
      const amounts = { costNanoUsd: cost_nano_usd, tokens, calls, durationMs: duration_ms };
      const spending = { amounts, inputTokens: 0, outputTokens: 0, basis: "reported" } as const;
      if (principal.kind === "agent") await ofAgents.settle(principal.agentId, reservation_id, spending);
      else await budget.settle(reservation_id, spending);
      return { ok: true };
    },
  };
}

async function reserve(
  { budget, ofAgents, services, clock, agents }: BudgetHandlerDeps,
  params: Params<"budget.reserve">,
  principal: Principal,
) {
  const own = principal.kind === "agent" ? principal.agentId : undefined;
  if (own !== undefined && params.agent_id !== undefined && params.agent_id !== own) {
    throw new BridgeError("FORBIDDEN", `${own} reserves for itself alone`);
  }
  const agent = own ?? params.agent_id;
  const { service, quantity, cost_nano_usd: given } = params;
  const price = service === undefined ? undefined : services.find(service, new Date(clock.now()));
  if (price === undefined && given === undefined) {
    throw new BridgeError(
      "PRICE_UNKNOWN",
      `${service ?? "What is reserved"} has no price; say \`cost_nano_usd\` or set a price`,
      { service, known: services.names },
    );
  }
  // Whoever reserves may say that it costs more than its price, but not less.
  const costNanoUsd = Math.max(given ?? 0, (price?.nanoUsd ?? 0) * quantity);
  const id = randomUUID();
  // A service without a price is only a word; an agent must not count it against a provider's or a model's limit that others share.
  const counted = own === undefined || price !== undefined ? service : undefined;
  const request: ReserveRequest = {
    id,
    attribution: {
      provider: counted?.split(".")[0],
      model: counted,
      agent,
      loop: agent === undefined ? undefined : agents.loopOf(agent),
      task: params.task,
      run: params.run,
    },
    amounts: { costNanoUsd, tokens: params.tokens, calls: 1, durationMs: params.duration_ms },
    price: price === undefined ? undefined : JSON.stringify(price),
    leaseMs: params.lease_ms,
    onExpiry: "release",
  };
  await (own === undefined ? budget.reserve(request) : ofAgents.reserve(own, request));
  return {
    reservation_id: id,
    cost_nano_usd: costNanoUsd,
    expires_at: new Date(clock.now() + params.lease_ms).toISOString(),
  };
}

/** Everyone but an agent sees every limit. */
function bounds(scope: string, principal: Principal, agents: BudgetHandlerDeps["agents"]): boolean {
  if (principal.kind !== "agent") return true;
  return ["global", `agent:${principal.agentId}`, `loop:${agents.loopOf(principal.agentId)}`].includes(scope);
}

function limitOnWire({ standing, resetsAtMs, burnPerHour, exhaustedInMs, projected }: LimitStatus) {
  const { limit, scope, windowId, held, spent, granted, ceiling } = standing;
  const bound = ceiling ?? 0;
  return {
    scope,
    window: limit.window,
    window_id: windowId,
    unit: limit.unit,
    soft: limit.soft,
    hard: limit.hard,
    on_hard: limit.onHard,
    origin: limit.origin,
    spent,
    held,
    granted,
    remaining: Math.max(0, bound - spent - held),
    percent: bound === 0 ? 100 : Math.round((spent / bound) * 1_000) / 10,
    resets_at: resetsAtMs === null ? null : new Date(resetsAtMs).toISOString(),
    burn_per_hour: burnPerHour,
    exhausted_in_ms: exhaustedInMs,
    projected,
  };
}

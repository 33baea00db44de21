import type { MethodsOf, Principal } from "@armorclaw/protocol";
import type { BudgetAdmin, LimitStatus, Reservations } from "../budget/index.ts";
import type { Handlers } from "../rpc/index.ts";
import { iso, isoOrNull } from "./time.ts";

export interface BudgetHandlerDeps {
  readonly admin: BudgetAdmin;
  readonly reservations: Reservations;
  readonly timeZone: string;
}

export function budgetHandlers({ admin, reservations, timeZone }: BudgetHandlerDeps): Handlers<MethodsOf<"budget">> {
  return {
    "budget.status": async ({ scope }, { principal }) => {
      const { limits, frozen } = await admin.status({ scope, agent: agentOf(principal) });
      return {
        time_zone: timeZone,
        limits: limits.map(limitOnWire),
        frozen: frozen.map(({ agent, scope: by, reason }) => ({ agent_id: agent, scope: by, reason })),
      };
    },
    "budget.set": async ({ soft = null, hard = null, on_hard: onHard, remove = false, ...limit }, { principal }) => {
      await admin.changeLimit({ ...limit, soft, hard, onHard, remove }, principal.id);
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
    "budget.topup": async (topUp, { principal, signal }) => {
      const { windowId, approvedBy } = await admin.topUp(topUp, principal, signal);
      return { window_id: windowId, approved_by: approvedBy };
    },
    "budget.reserve": async (
      { agent_id: agent, cost_nano_usd: costNanoUsd, duration_ms: durationMs, lease_ms: leaseMs, ...wanted },
      { principal },
    ) => {
      const reservation = await reservations.reserve(agentOf(principal), {
        ...wanted,
        agent,
        costNanoUsd,
        durationMs,
        leaseMs,
      });
      return {
        reservation_id: reservation.id,
        cost_nano_usd: reservation.costNanoUsd,
        expires_at: iso(reservation.expiresAtMs),
      };
    },
    "budget.settle": async ({ reservation_id, cost_nano_usd, tokens, duration_ms, calls }, { principal }) => {
      const amounts = { costNanoUsd: cost_nano_usd, tokens, calls, durationMs: duration_ms };
      const spending = { amounts, inputTokens: 0, outputTokens: 0, basis: "reported" } as const;
      await reservations.settle(agentOf(principal), reservation_id, spending);
      return { ok: true };
    },
  };
}

const agentOf = (principal: Principal): string | undefined =>
  principal.kind === "agent" ? principal.agentId : undefined;

const limitOnWire = ({ standing, resetsAtMs, burnPerHour, exhaustedInMs, ...status }: LimitStatus) => ({
  scope: standing.scope,
  window: standing.limit.window,
  window_id: standing.windowId,
  unit: standing.limit.unit,
  soft: standing.limit.soft,
  hard: standing.limit.hard,
  on_hard: standing.limit.onHard,
  origin: standing.limit.origin,
  spent: standing.spent,
  held: standing.held,
  granted: standing.granted,
  remaining: status.remaining,
  percent: status.percent,
  resets_at: isoOrNull(resetsAtMs),
  burn_per_hour: burnPerHour,
  exhausted_in_ms: exhaustedInMs,
  projected: status.projected,
});

import { randomUUID } from "node:crypto";
import { type Budget, nothing } from "../../../budget/index.ts";
import type { CallReservations } from "../calls/ports.ts";

/** A reservation that is not settled, e.g. because the bridge was killed, is charged in full after this time. */
const leaseMs = 120_000;
/** Less time than this is too short to speak a word. */
const shortestStretchMs = 500;

/** Reserves the time of calls in the budget. */
export function callReservations(budget: Budget, loopOf: (agentId: string) => string | undefined): CallReservations {
  return {
    async reserve({ agentId }, ms) {
      const id = randomUUID();
      const agent = agentId === undefined ? {} : { agent: agentId, loop: loopOf(agentId) };
      const attribution = { provider: "webrtc", ...agent };
      // When too little is left, the full time is asked for: the refusal then says what is left, and the limit's event is published.
      const room = budget.room(attribution, "duration_ms");
      const heldMs = room >= shortestStretchMs ? Math.min(ms, room) : ms;
      const amounts = { ...nothing, durationMs: heldMs };
      await budget.reserve({ id, attribution, amounts, leaseMs, onExpiry: "spend" });
      return {
        ms: heldMs,
        settle: (usedMs) => {
          const used = { ...nothing, durationMs: usedMs };
          return budget.settle(id, { amounts: used, inputTokens: 0, outputTokens: 0, basis: "reported" });
        },
      };
    },
  };
}

import * as z from "zod";
import { BudgetUnit, BudgetWindow } from "../methods/budget.ts";
import { defineEvent } from "../types/define.ts";
import { Timestamp } from "../types/ids.ts";

const standing = {
  scope: z.string(),
  window: BudgetWindow,
  window_id: z.string(),
  unit: BudgetUnit,
  limit: z.int(),
  spent: z.int(),
  held: z.int(),
  agent_id: z.string().nullable().describe("The principal that spent."),
  resets_at: Timestamp.nullable(),
};
const exampleStanding = {
  scope: "agent:mail-1",
  window: "day" as const,
  window_id: "2026-11-21",
  unit: "cost_nano_usd" as const,
  limit: 1_000_000_000,
  spent: 812_000_000,
  held: 0,
  agent_id: "mail-1",
  resets_at: "2026-11-22T00:00:00.000Z",
};

const thresholdCrossed = defineEvent({
  summary: "Spending reached a level of a limit. Published once for each level in a window.",
  channel: "budget.limit.threshold_crossed",
  priority: "high",
  data: z.object({ ...standing, level: z.string().describe("A percentage, or `soft`.") }),
  example: { ...exampleStanding, level: "80" },
});

const exhausted = defineEvent({
  summary: "A hard limit refused a reservation. Published once in a window.",
  channel: "budget.limit.exhausted",
  priority: "critical",
  data: z.object({ ...standing, on_hard: z.enum(["refuse", "freeze", "stop"]) }),
  example: { ...exampleStanding, spent: 990_000_000, on_hard: "freeze" },
});

const limitChanged = defineEvent({
  summary: "Someone set a limit.",
  channel: "budget.limit.limit_changed",
  priority: "normal",
  data: z.object({
    scope: z.string(),
    window: BudgetWindow,
    unit: BudgetUnit,
    soft: z.int().nullable(),
    hard: z.int().nullable(),
    on_hard: z.string(),
    by: z.string(),
  }),
  example: {
    scope: "global",
    window: "day",
    unit: "cost_nano_usd",
    soft: null,
    hard: 5_000_000_000,
    on_hard: "refuse",
    by: "user:1000",
  },
});

const toppedUp = defineEvent({
  summary: "A limit was topped up for one window.",
  channel: "budget.limit.topped_up",
  priority: "high",
  data: z.object({
    scope: z.string(),
    window: BudgetWindow,
    window_id: z.string(),
    unit: BudgetUnit,
    amount: z.int(),
    reason: z.string(),
    asked_by: z.string(),
    approved_by: z.string(),
    approval_id: z.string(),
  }),
  example: {
    scope: "agent:mail-1",
    window: "day",
    window_id: "2026-11-21",
    unit: "cost_nano_usd",
    amount: 500_000_000,
    reason: "A long thread to read",
    asked_by: "agent:mail-1",
    approved_by: "user:1000",
    approval_id: "ap_2f4a9c01d3e5b7f8",
  },
});

const frozen = defineEvent({
  summary: "An agent cannot spend any more, because a limit is used up.",
  channel: "budget.agent.frozen",
  priority: "critical",
  data: z.object({ agent_id: z.string(), scope: z.string(), reason: z.string() }),
  example: { agent_id: "mail-1", scope: "agent:mail-1", reason: "agent:mail-1, cost per day is used up" },
});

const thawed = defineEvent({
  summary: "A frozen agent may spend again.",
  channel: "budget.agent.thawed",
  priority: "normal",
  data: z.object({ agent_id: z.string() }),
  example: { agent_id: "mail-1" },
});

const reservation = { reservation_id: z.string(), agent_id: z.string().nullable(), reserved_nano_usd: z.int() };
const exampleReservation = {
  reservation_id: "0b9f8e1c-2f4a-4c01-93e5-b7f8a1c6f0a3",
  agent_id: "mail-1",
  reserved_nano_usd: 1_000_000,
};

const overrun = defineEvent({
  summary: "A call cost more than its reservation: the provider exceeded the requested maximum.",
  channel: "budget.reservation.overrun",
  priority: "high",
  data: z.object({ ...reservation, scope: z.string(), cost_nano_usd: z.int() }),
  example: { ...exampleReservation, scope: "agent:mail-1", cost_nano_usd: 1_200_000 },
});

const expired = defineEvent({
  summary: "A reservation was never settled. A model call is booked at its bound, any other reservation is released.",
  channel: "budget.reservation.expired",
  priority: "high",
  data: z.object({ ...reservation, booked_nano_usd: z.int() }),
  example: { ...exampleReservation, booked_nano_usd: 1_000_000 },
});

/** Every event of this file, by its type. */
export const budgetEvents = {
  "budget.threshold_crossed": thresholdCrossed,
  "budget.exhausted": exhausted,
  "budget.limit_changed": limitChanged,
  "budget.topped_up": toppedUp,
  "budget.frozen": frozen,
  "budget.thawed": thawed,
  "budget.overrun": overrun,
  "budget.expired": expired,
} as const;

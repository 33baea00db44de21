import * as z from "zod";
import { defineMethod } from "../types/define.ts";
import { AgentId, Timestamp } from "../types/ids.ts";
import { operators, people } from "../types/roles.ts";

const storeErrors = ["STORE_FULL", "STORE_FAILED", "STORE_BUSY", "SHUTTING_DOWN"] as const;

/** The longest name of a scope's value: a model's id. */
const nameLengthMax = 200;

export const BudgetScope = z
  .string()
  .max(nameLengthMax + 16)
  .regex(
    /^(?:global|(?:provider|model|loop|agent|task|run):\S+)$/,
    "Expected global, or e.g. agent:mail-1, agent:*, model:openai/gpt-5",
  )
  .meta({
    id: "BudgetScope",
    description: "What a limit bounds: `global`, one subject (`agent:mail-1`), or each subject separately (`agent:*`).",
  });

export const BudgetWindow = z.enum(["hour", "day", "week", "month", "all"]).meta({
  id: "BudgetWindow",
  description: "A calendar window in the configured time zone; `all` has no end, as for `run:…` and `task:…`.",
});
export const BudgetUnit = z.enum(["cost_nano_usd", "tokens", "calls", "duration_ms"]).meta({
  id: "BudgetUnit",
  description: "The unit. Money is in nano-dollars: 1000000000 is one dollar.",
});

/** 1000000 dollars. No limit is higher, so that every sum can be counted exactly. */
const amount = z.int().min(0).max(1_000_000_000_000_000);
/** 10000 dollars: the most that one reservation can hold. */
const reservedAmount = z.int().min(0).max(10_000_000_000_000);

const limitFields = {
  scope: BudgetScope,
  window: BudgetWindow,
  unit: BudgetUnit.default("cost_nano_usd"),
};

export const BudgetLimit = z
  .object({
    scope: z.string(),
    window: BudgetWindow,
    window_id: z.string().describe("The current window, e.g. 2026-11-21."),
    unit: BudgetUnit,
    soft: z.int().min(0).nullable(),
    hard: z.int().min(0).nullable(),
    on_hard: z.enum(["refuse", "freeze", "stop"]),
    origin: z.enum(["config", "set"]),
    spent: z.int(),
    held: z.int().describe("Reserved and not yet settled."),
    granted: z.int().describe("The sum of the grants in this window."),
    remaining: z.int(),
    percent: z.number().describe("The share of the bound that is spent."),
    resets_at: Timestamp.nullable(),
    burn_per_hour: z.int().describe("The spending of the last hour."),
    exhausted_in_ms: z
      .int()
      .nullable()
      .describe("The time until the limit at that rate; null when the window ends before."),
    projected: z.int().nullable().describe("The spending at the end of the window, at that rate."),
  })
  .meta({ id: "BudgetLimit" });
export type BudgetLimit = z.output<typeof BudgetLimit>;

const exampleLimit = {
  scope: "global",
  window: "day" as const,
  window_id: "2026-11-21",
  unit: "cost_nano_usd" as const,
  soft: null,
  hard: 5_000_000_000,
  on_hard: "refuse" as const,
  origin: "config" as const,
  spent: 1_250_000_000,
  held: 0,
  granted: 0,
  remaining: 3_750_000_000,
  percent: 25,
  resets_at: "2026-11-22T00:00:00.000Z",
  burn_per_hour: 100_000_000,
  exhausted_in_ms: null,
  projected: 2_850_000_000,
};

const status = defineMethod({
  summary: "Show every limit, its spending and a forecast.",
  description: "An agent sees the limits that bound it.",
  roles: [...people, "agent"],
  effect: "read",
  scope: { channels: ["budget.>"] },
  params: z.strictObject({
    scope: z
      .string()
      .max(nameLengthMax + 16)
      .optional()
      .describe("Only this scope."),
  }),
  result: z.object({
    time_zone: z.string(),
    limits: z.array(BudgetLimit),
    frozen: z.array(z.object({ agent_id: z.string(), scope: z.string(), reason: z.string() })),
  }),
  errors: storeErrors,
  example: { params: {}, result: { time_zone: "UTC", limits: [exampleLimit], frozen: [] } },
});

const set = defineMethod({
  summary: "Set a limit, or remove one.",
  description:
    "A limit needs `hard`, `soft` or both, and replaces the one of the same scope, window and unit; it holds until the configuration of the same limit changes. `remove` takes the limit away instead.",
  roles: operators,
  effect: "write",
  scope: { channels: ["budget.>"] },
  params: z.strictObject({
    ...limitFields,
    hard: amount.optional().describe("The hard bound: a reservation that would exceed it is refused."),
    soft: amount.optional().describe("The soft bound: exceeding it publishes an event, and nothing is refused."),
    on_hard: z
      .enum(["refuse", "freeze", "stop"])
      .default("refuse")
      .describe("What also happens to an agent that reaches the hard bound."),
    remove: z.literal(true).optional().describe("Removes the limit. It may not have a bound then."),
  }),
  result: z.object({ ok: z.literal(true) }),
  errors: [...storeErrors, "BUDGET_LIMIT_NOT_FOUND"],
  example: { params: { scope: "agent:*", window: "day", hard: 1_000_000_000 }, result: { ok: true } },
});

/** The dimensions of a report. */
export const BudgetDimension = z.enum([
  "agent",
  "loop",
  "provider",
  "model",
  "task",
  "run",
  "hour",
  "day",
  "week",
  "month",
]);
/** The dimensions of a report. */
export type BudgetDimension = z.output<typeof BudgetDimension>;

const report = defineMethod({
  summary: "Add up what was spent, by agent, model, day and more.",
  roles: people,
  effect: "read",
  scope: { channels: ["budget.>"] },
  params: z.strictObject({
    by: z.array(BudgetDimension).max(10).default(["agent", "model", "day"]),
    from: Timestamp.optional(),
    to: Timestamp.optional(),
    limit: z.int().min(1).max(10_000).default(1_000).describe("The most rows; the most expensive come first."),
  }),
  result: z.object({
    by: z.array(BudgetDimension),
    rows: z.array(
      z.object({
        keys: z.array(z.string().nullable()).describe("One value for each dimension in `by`."),
        cost_nano_usd: z.int(),
        calls: z.int(),
        input_tokens: z.int(),
        output_tokens: z.int(),
        duration_ms: z.int(),
        held_nano_usd: z.int(),
        bounded: z.int().describe("Calls that were booked at their maximum, because the provider reported no usage."),
      }),
    ),
  }),
  errors: ["STORE_FAILED"],
  example: {
    params: { by: ["agent"] },
    result: {
      by: ["agent"],
      rows: [
        {
          keys: ["mail-1"],
          cost_nano_usd: 1_250_000_000,
          calls: 12,
          input_tokens: 250_000,
          output_tokens: 33_000,
          duration_ms: 61_000,
          held_nano_usd: 0,
          bounded: 0,
        },
      ],
    },
  },
});

const topup = defineMethod({
  summary: "Top up a limit in the current window.",
  description:
    "An agent may ask for itself, and a person must approve. The grant ends with the window. Repeat the call with the same params after the approval.",
  roles: [...operators, "agent"],
  effect: "write",
  scope: { channels: ["budget.>"] },
  params: z.strictObject({
    ...limitFields,
    amount: amount.min(1),
    reason: z.string().min(1).max(500),
  }),
  result: z.object({ window_id: z.string(), approved_by: z.string() }),
  errors: [
    "BUDGET_LIMIT_NOT_FOUND",
    "APPROVAL_PENDING",
    "APPROVAL_DENIED",
    "APPROVAL_LIMIT",
    "BUDGET_WINDOW_OVER",
    "FORBIDDEN",
    ...storeErrors,
  ],
  example: {
    params: { scope: "agent:mail-1", window: "day", amount: 500_000_000, reason: "A long thread to read" },
    result: { window_id: "2026-11-21", approved_by: "user:1000" },
  },
});

const name = z.string().min(1).max(nameLengthMax);

const reserve = defineMethod({
  summary: "Reserve an amount before using a paid service.",
  description:
    "For services that the bridge does not call itself, e.g. an SMS. The bridge reserves its own model calls. An agent needs a hard limit in cost on `agent:<id>`, `agent:*`, `loop:<name>` or `loop:*`.",
  roles: [...operators, "agent"],
  effect: "write",
  params: z.strictObject({
    service: name.optional().describe("A service with a price, e.g. twilio.sms.us."),
    quantity: z.int().min(1).max(1_000_000_000).default(1).describe("How many units of the service."),
    cost_nano_usd: reservedAmount
      .optional()
      .describe("The most that the service can cost, where it has no configured price."),
    tokens: reservedAmount.default(0),
    duration_ms: reservedAmount.default(0),
    agent_id: AgentId.optional().describe("The agent that spends; an agent reserves only for itself."),
    task: name.optional(),
    run: name.optional(),
    lease_ms: z
      .int()
      .min(1_000)
      .max(86_400_000)
      .default(600_000)
      .describe("The reservation is released when it is not settled within this time."),
  }),
  result: z.object({ reservation_id: z.string(), cost_nano_usd: z.int(), expires_at: Timestamp }),
  errors: [
    "BUDGET_EXCEEDED",
    "BUDGET_FROZEN",
    "BUDGET_NOT_GRANTED",
    "PRICE_UNKNOWN",
    "RATE_LIMITED",
    "INVALID_PARAMS",
    "FORBIDDEN",
    ...storeErrors,
  ],
  example: {
    params: { service: "twilio.sms.us", quantity: 1 },
    result: {
      reservation_id: "0b9f8e1c-2f4a-4c01-93e5-b7f8a1c6f0a3",
      cost_nano_usd: 8_300_000,
      expires_at: "2026-11-21T08:10:00.000Z",
    },
  },
});

const settle = defineMethod({
  summary: "Book the actual cost of a reservation; zero amounts release it.",
  description:
    "An agent settles with at most what it reserved. After the reservation has expired, it settles within the room of its limits.",
  roles: [...operators, "agent"],
  effect: "write",
  params: z.strictObject({
    reservation_id: z.string().max(100),
    cost_nano_usd: reservedAmount.default(0),
    tokens: reservedAmount.default(0),
    duration_ms: reservedAmount.default(0),
    calls: reservedAmount.default(1),
  }),
  result: z.object({ ok: z.literal(true) }),
  errors: ["RESERVATION_NOT_FOUND", "BUDGET_EXCEEDED", "INVALID_PARAMS", ...storeErrors],
  example: {
    params: { reservation_id: "0b9f8e1c-2f4a-4c01-93e5-b7f8a1c6f0a3", cost_nano_usd: 8_300_000 },
    result: { ok: true },
  },
});

/** Every method of this file, by its name. */
export const budgetMethods = {
  "budget.status": status,
  "budget.set": set,
  "budget.report": report,
  "budget.topup": topup,
  "budget.reserve": reserve,
  "budget.settle": settle,
} as const;

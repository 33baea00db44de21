import type { Result } from "@armorclaw/protocol";
import { exitCodes } from "../core/exit-codes.ts";
import type { Invocation, Runner } from "../core/invocation.ts";
import { checkParams } from "../core/method-flags.ts";
import { UsageError } from "../core/usage-error.ts";
import { renderReportCsv } from "../render/budget.ts";
import { runCall } from "./method-call.ts";

const nanoPerUsd = 1_000_000_000;
const unitNames: Readonly<Record<string, string>> = {
  usd: "cost_nano_usd",
  tokens: "tokens",
  calls: "calls",
  ms: "duration_ms",
};

export const set: Runner = (invocation) => {
  const { hard, soft, on_hard } = invocation.values;
  const limit = limitOf(invocation);
  const amounts = { hard: inUnit(hard, limit.unit), soft: inUnit(soft, limit.unit), on_hard };
  return callWith("budget.set", { ...limit, ...amounts }, invocation);
};

export const topup: Runner = (invocation) => {
  const { amount, reason } = invocation.values;
  if (amount === undefined || reason === undefined) {
    throw new UsageError(`--${amount === undefined ? "amount" : "reason"} is missing`, "Add --help to list the flags");
  }
  const limit = limitOf(invocation);
  return callWith("budget.topup", { ...limit, amount: inUnit(amount, limit.unit), reason }, invocation);
};

export const report: Runner = async (invocation) => {
  const { by, csv, ...rest } = invocation.values;
  const params = { ...rest, ...(typeof by === "string" ? { by: by.split(",").map((name) => name.trim()) } : {}) };
  if (csv !== true) return await callWith("budget.report", params, invocation);
  checkParams("budget.report", params);
  const connection = await invocation.connect();
  const result = (await connection.call("budget.report", params)) as Result<"budget.report">;
  invocation.out.text(renderReportCsv(result));
  return exitCodes.ok;
};

function limitOf({ values, positionals }: Invocation) {
  const [scope, more] = positionals;
  if (scope === undefined || more !== undefined)
    throw new UsageError("SCOPE is missing", "Name one, e.g. global, agent:mail-1, agent:*, model:openai/gpt-5");
  const { window = "day", unit = "usd" } = values;
  return { scope, window, unit: unitNames[String(unit)] ?? unit };
}

/** People write dollars; the wire has nano-dollars. */
const inUnit = (value: unknown, unit: unknown): unknown =>
  typeof value === "number" && unit === "cost_nano_usd" ? Math.round(value * nanoPerUsd) : value;

async function callWith(
  method: "budget.set" | "budget.topup" | "budget.report",
  params: Readonly<Record<string, unknown>>,
  invocation: Invocation,
): Promise<number> {
  const given = Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined));
  checkParams(method, given);
  return await runCall(method, given, invocation);
}

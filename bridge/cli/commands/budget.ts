import type { Result } from "@armorclaw/protocol";
import { exitCodes } from "../core/exit-codes.ts";
import type { Invocation, Runner } from "../core/invocation.ts";
import { checkParams } from "../core/method-flags.ts";
import { withAbsoluteTimes } from "../core/relative-time.ts";
import { UsageError } from "../core/usage-error.ts";
import { visible } from "../core/visible.ts";
import { renderReportCsv } from "../render/budget.ts";
import { runCall } from "./method-call.ts";

const nanoPerUsd = 1_000_000_000;
const unitNames: Readonly<Record<string, string>> = {
  usd: "cost_nano_usd",
  tokens: "tokens",
  calls: "calls",
  ms: "duration_ms",
};

export const set: Runner = async (invocation) => {
  const { hard, soft, on_hard } = invocation.values;
  const limit = limitOf(invocation);
  if (hard === undefined && soft === undefined)
    throw new UsageError("--hard or --soft is missing", "Add one; `armorclaw budget unset SCOPE` removes the limit");
  const amounts = { hard: inUnit(hard, limit.unit), soft: inUnit(soft, limit.unit), on_hard };
  const bounds = [
    ...(hard === undefined ? [] : [`hard limit ${amountText(hard, invocation)}`]),
    ...(soft === undefined ? [] : [`soft limit ${amountText(soft, invocation)}`]),
  ];
  return await change(
    "budget.set",
    { ...limit, ...amounts },
    `${limit.scope} per ${limit.window}: ${bounds.join(", ")}`,
    invocation,
  );
};

export const unset: Runner = async (invocation) => {
  const limit = limitOf(invocation);
  const params = { ...limit, remove: true };
  return await change("budget.set", params, `The limit of ${limit.scope} per ${limit.window} was removed`, invocation);
};

export const topup: Runner = (invocation) => {
  const { amount, reason } = invocation.values;
  if (amount === undefined || reason === undefined) {
    throw new UsageError(`--${amount === undefined ? "amount" : "reason"} is missing`, "Add --help to list the flags");
  }
  const limit = limitOf(invocation);
  const params = { ...limit, amount: inUnit(amount, limit.unit), reason };
  const text = `${limit.scope} per ${limit.window}: ${amountText(amount, invocation)} added for the current window`;
  return change("budget.topup", params, text, invocation);
};

export const report: Runner = async (invocation) => {
  const { by, csv, ...rest } = invocation.values;
  const times = ["from", "to"].map((key) => ({ key, isTime: true }));
  const params = {
    ...withAbsoluteTimes(rest, times, invocation.io.now()),
    ...(typeof by === "string" ? { by: by.split(",").map((name) => name.trim()) } : {}),
  };
  checkParams("budget.report", params);
  if (csv !== true) return await runCall("budget.report", params, invocation);
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

const amountText = (value: unknown, { values: { unit = "usd" } }: Invocation): string =>
  unit === "usd" ? `$${String(value)}` : `${String(value)} ${String(unit)}`;

/** Changes a limit and prints what changed. */
async function change(
  method: "budget.set" | "budget.topup",
  params: Readonly<Record<string, unknown>>,
  text: string,
  { connect, out }: Invocation,
): Promise<number> {
  const given = Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined));
  checkParams(method, given);
  const connection = await connect();
  const result = await connection.call(method, given);
  if (out.isJson) out.json(result);
  else out.text(visible(text));
  return exitCodes.ok;
}

import type { Result } from "@armorclaw/protocol";
import type { View } from "../core/output.ts";
import { visible } from "../core/visible.ts";
import { formatDuration } from "./format.ts";
import { renderTable } from "./table.ts";

type Status = Result<"budget.status">;
export type Limit = Status["limits"][number];
type Report = Result<"budget.report">;

const limitColumns = [
  { title: "LIMIT" },
  { title: "WINDOW", dropOrder: 3 },
  { title: "SPENT" },
  { title: "HELD", dropOrder: 4 },
  { title: "OF" },
  { title: "USED" },
  { title: "PER HOUR", dropOrder: 1 },
  { title: "RUNS OUT", dropOrder: 2 },
];

export function renderBudget({ limits, frozen, time_zone }: Status, view: View): string {
  const rows = limits.map((limit) => [
    `${limit.scope} per ${limit.window}`,
    limit.window_id,
    amount(limit, limit.spent),
    amount(limit, limit.held),
    `${amount(limit, (limit.hard ?? limit.soft ?? 0) + limit.granted)}${limit.hard === null ? " (soft)" : ""}`,
    `${limit.percent.toFixed(1)} %`,
    amount(limit, limit.burn_per_hour),
    runsOut(limit),
  ]);
  const table =
    limits.length === 0
      ? "No limits are set. `armorclaw budget set global --hard 5` sets one."
      : renderTable(limitColumns, rows, view);
  const cold = frozen.map(({ agent_id, reason }) => view.paint("red", visible(`${agent_id} is frozen: ${reason}`)));
  return [table, ...cold, view.paint("dim", `Windows follow the time zone ${time_zone}.`)].join("\n");
}

/** The burn rate, and the limit that is reached first, in one line. */
export function renderBurn(limits: readonly Limit[]): string {
  const money = limits.filter(({ unit }) => unit === "cost_nano_usd");
  const soonest = money.toSorted(
    (a, b) => (a.exhausted_in_ms ?? Number.POSITIVE_INFINITY) - (b.exhausted_in_ms ?? Number.POSITIVE_INFINITY),
  )[0];
  if (soonest === undefined) return "No limit bounds what agents spend.";
  const burn = money.find(({ scope }) => scope === "global") ?? soonest;
  const rate = `${amount(burn, burn.burn_per_hour)} an hour`;
  const of = amount(soonest, (soonest.hard ?? soonest.soft ?? 0) + soonest.granted);
  const isEnough = soonest.exhausted_in_ms === null && soonest.remaining > 0;
  const end = isEnough ? "enough for this window" : `runs out ${runsOut(soonest)}`;
  const spent = `${amount(soonest, soonest.spent)} of ${of}`;
  return visible(`Budget ${rate}; ${soonest.scope} per ${soonest.window}: ${spent}, ${end}`);
}

function runsOut({ exhausted_in_ms: inMs, remaining }: Limit): string {
  if (remaining === 0) return "now";
  return inMs === null ? "not in this window" : `in ${formatDuration(inMs)}`;
}

function amount({ unit }: Limit, value: number): string {
  if (unit === "cost_nano_usd") return formatUsd(value);
  return unit === "duration_ms" ? formatDuration(value) : `${value} ${unit}`;
}

/** With two decimals; amounts under a cent have two significant digits. */
export function formatUsd(nanoUsd: number): string {
  const usd = nanoUsd / 1e9;
  return `$${usd === 0 || Math.abs(usd) >= 0.01 ? usd.toFixed(2) : usd.toPrecision(2)}`;
}

const figures = ["cost_usd", "calls", "input_tokens", "output_tokens", "bounded_calls"] as const;

export function renderReport({ by, rows }: Report, view: View): string {
  if (rows.length === 0) return "Nothing was spent.";
  const columns = [...by, "cost", "calls", "input", "output"].map((title) => ({ title: title.toUpperCase() }));
  const cells = rows.map(({ keys, cost_nano_usd, calls, input_tokens, output_tokens }) => [
    ...keys.map((key) => key ?? "-"),
    formatUsd(cost_nano_usd),
    String(calls),
    String(input_tokens),
    String(output_tokens),
  ]);
  return renderTable(columns, cells, view);
}

/** Renders CSV by RFC 4180. Amounts are in dollars with all nine decimals, so that sums are exact. */
export function renderReportCsv({ by, rows }: Report): string {
  const lines = rows.map(({ keys, cost_nano_usd, calls, input_tokens, output_tokens, bounded }) => [
    ...keys.map((key) => key ?? ""),
    (BigInt(cost_nano_usd) / 1_000_000_000n).toString() +
      "." +
      (BigInt(cost_nano_usd) % 1_000_000_000n).toString().padStart(9, "0"),
    ...[calls, input_tokens, output_tokens, bounded].map(String),
  ]);
  return [[...by, ...figures], ...lines].map((cells) => cells.map(quoted).join(",")).join("\n");
}

/** Keeps a spreadsheet from reading a text as a formula. */
function quoted(cell: string): string {
  const plain = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

export function renderModels({ models }: Result<"llm.models">, view: View): string {
  if (models.length === 0) return "No models. Add a provider under `llm.providers` in the configuration.";
  const price = (usd: number | null) => (usd === null ? "no price" : `$${usd}`);
  const rows = models.map((model) => [
    model.id,
    price(model.input_usd_per_mtok),
    price(model.output_usd_per_mtok),
    model.waits_ms > 0
      ? `waiting: rate limit for ${formatDuration(model.waits_ms)}`
      : model.provider_state === "closed"
        ? "ready"
        : "failing",
  ]);
  return renderTable(
    [{ title: "MODEL" }, { title: "INPUT/M" }, { title: "OUTPUT/M" }, { title: "PROVIDER" }],
    rows,
    view,
  );
}

import { describe, expect, test } from "@jest/globals";
import { formatUsd, renderBudget, renderBurn, renderReportCsv } from "./budget.ts";

const limit = {
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
  resets_at: null,
  burn_per_hour: 500_000_000,
  exhausted_in_ms: 27_000_000,
  projected: null,
};
const view = { nowMs: 0, columns: undefined, paint: (_: unknown, text: string) => text };

describe("the budget for people", () => {
  test("shows what is spent of each limit, and when it runs out", () => {
    const shown = renderBudget(
      { time_zone: "UTC", limits: [limit], frozen: [{ agent_id: "mail-1", scope: "global", reason: "used up" }] },
      view,
    );
    expect(shown).toContain("global per day  2026-11-21  $1.25  $0.00  $5.00  25.0 %  $0.50     in 7 h 30 m");
    expect(shown).toContain("mail-1 is frozen: used up");
    expect(renderBurn([limit])).toBe("Budget $0.50 an hour; global per day: $1.25 of $5.00, runs out in 7 h 30 m");
    expect(renderBurn([])).toBe("No limit bounds what agents spend.");
  });

  test.each([
    [0, "$0.00"],
    [1_250_000_000, "$1.25"],
    [4_200_000, "$0.0042"],
    [1, "$1.0e-9"],
  ])("writes %d nano-dollars as %s", (nano, text) => {
    expect(formatUsd(nano)).toBe(text);
  });

  test("a report as CSV is exact, quoted, and contains no formula for a spreadsheet", () => {
    const figures = { calls: 1, input_tokens: 2, output_tokens: 3, duration_ms: 4, held_nano_usd: 0, bounded: 0 };
    const rows = [
      { keys: ["a,b", null], cost_nano_usd: 1_000_000_001, ...figures },
      { keys: ["=1+1", 'say "hi"'], cost_nano_usd: 0, ...figures },
    ];
    expect(renderReportCsv({ by: ["agent", "task"], rows })).toBe(
      'agent,task,cost_usd,calls,input_tokens,output_tokens,bounded_calls\n"a,b",,1.000000001,1,2,3,0\n\'=1+1,"say ""hi""",0.000000000,1,2,3,0',
    );
  });
});

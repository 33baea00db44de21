import { describe, expect, test } from "@jest/globals";
import { fitting } from "./page.ts";

describe("fitting()", () => {
  const rows = Array.from({ length: 10 }, (_, n) => ({ n, text: "é".repeat(2_000) }));

  test("keeps the first rows until the answer's bytes are full", () => {
    const { rows: page, isCut } = fitting(rows, 5 * 4_100);
    expect([page.map(({ n }) => n), isCut]).toEqual([[0, 1, 2, 3, 4], true]);
    expect(fitting(rows, 1_000_000)).toEqual({ rows, isCut: false });
  });

  test("keeps at least one row, and returns none when there is none", () => {
    expect(fitting(rows, 100).rows.length).toBe(1);
    expect(fitting([], 100)).toEqual({ rows: [], isCut: false });
  });
});

import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import type { Analogue } from "./guard-rights.ts";

/** Tries each attack, and checks that docs/internals/threat-model.md lists it. */
export function testAnalogues(analogues: readonly Analogue[]): void {
  test.each(analogues)("%s, %s: %s", async (_class, _advisory, _attack, isRefused) => {
    expect(await isRefused()).toBe(true);
  });

  test("docs/internals/threat-model.md lists each of them, and thirty at least in all", () => {
    const text = readFileSync(new URL("../../../docs/internals/threat-model.md", import.meta.url), "utf8");
    const rows = [...text.matchAll(/^\| \d+ \| (.+? \| .+? \| .+?) \|$/gm)].map(([, row]) => row);
    const wanted = analogues.map(([kind, advisory, attack]) => `${kind} | ${advisory} | ${attack}`);
    expect(wanted.filter((row) => !rows.includes(row))).toEqual([]);
    expect(rows.length).toBeGreaterThanOrEqual(30);
  });
}

import { describe, expect, test } from "@jest/globals";
import { longJsonParts } from "./long-json.ts";

const long = 'ä"\\\n😀x'.repeat(20_000);
const evenly = `x${"😀".repeat(60_000)}`;

describe("longJsonParts", () => {
  test.each([
    ["a string", long],
    ["surrogate pairs at every cut", evenly],
    ["a member", { before: 1, skipped: undefined, long, 'ke"y': evenly, after: [1, { a: null }] }],
    ["an element", [long, undefined, 2, () => 1, evenly]],
  ])("writes what JSON.stringify writes: %s", (_, value) => {
    const parts = longJsonParts(value);
    expect(parts?.join("")).toBe(JSON.stringify(value));
    expect(Math.max(...(parts ?? []).map(({ length }) => length))).toBeLessThan(128 * 1024);
  });

  test.each([
    ["short values", { a: "short", b: [1, 2], c: { d: null } }],
    ["values with their own JSON", { long, toJSON: () => 1 }],
    ["values of a class", Object.assign(new Date(0), { long })],
    ["no value", undefined],
    ["null", null],
  ])("leaves to JSON.stringify: %s", (_, value) => {
    expect(longJsonParts(value)).toBeUndefined();
  });
});

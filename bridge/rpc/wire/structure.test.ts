import { describe, expect, test } from "@jest/globals";
import { structureFault } from "./structure.ts";

const bounds = { depthMax: 4, keysMax: 10, keysTotalMax: 60, elementsMax: 20, containersMax: 50 };
/** The text is longer than texts that are checked only for their depth. */
const long = (text: string) => text.padEnd(70_000, " ");

describe("structureFault", () => {
  test("accepts values of the allowed depth, and none deeper", () => {
    expect(structureFault("[[[[1]]]]".padEnd(20), bounds)).toBeUndefined();
    expect(structureFault("[[[[[1]]]]]", bounds)).toContain("deeper than 4 levels");
    expect(structureFault('{"a":{"a":{"a":{"a":{}}}}}', bounds)).toContain("deeper than 4 levels");
  });

  test("does not count brackets inside strings", () => {
    expect(structureFault(`["${"[".repeat(30)}","\\"${"{".repeat(30)}\\\\"]`, bounds)).toBeUndefined();
    expect(structureFault(`["\\\\",[[[[1]]]]]`.padEnd(20), bounds)).toContain("deeper");
  });

  test("bounds keys, elements and containers of a long text", () => {
    const keys = (count: number) => `{${Array.from({ length: count }, (_, key) => `"${key}":0`).join(",")}}`;
    const elements = (count: number, one: string) => `[${Array.from({ length: count }, () => one).join(",")}]`;
    expect(structureFault(long(keys(10)), bounds)).toBeUndefined();
    expect(structureFault(long(keys(11)), bounds)).toContain("more than 10 members");
    expect(structureFault(long(elements(20, "0")), bounds)).toBeUndefined();
    expect(structureFault(long(elements(21, "0")), bounds)).toContain("more than 20 members");
    const nested = elements(9, elements(9, "[]"));
    expect(structureFault(long(nested), bounds)).toContain("more than 50 containers");
    expect(structureFault(long(elements(10, keys(6))), bounds)).toBeUndefined();
    expect(structureFault(long(elements(10, keys(7))), bounds)).toContain("more than 60 keys");
  });

  test("survives a text that never closes or closes too often", () => {
    expect(structureFault("]".repeat(100), bounds)).toBeUndefined();
    expect(structureFault(`"${"x".repeat(100)}`, bounds)).toBeUndefined();
    expect(structureFault("[".repeat(1_000_000), bounds)).toContain("deeper");
  });
});

import { describe, expect, test } from "@jest/globals";
import { BoundedMap } from "./bounded-map.ts";

describe("BoundedMap", () => {
  test.each([
    { sets: ["a", "b"], keys: ["a", "b"] },
    { sets: ["a", "b", "c"], keys: ["b", "c"] },
    { sets: ["a", "b", "a"], keys: ["b", "a"] },
    { sets: ["a", "b", "a", "c"], keys: ["a", "c"] },
  ])("of two holds $keys after $sets", ({ sets, keys }) => {
    const map = new BoundedMap<string, number>(2);
    for (const [index, key] of sets.entries()) map.set(key, index);
    expect([...map.entries()].map(([key]) => key)).toEqual(keys);
    expect(keys.map((key) => map.get(key))).toEqual(keys.map((key) => sets.lastIndexOf(key)));
    expect(map.size).toBe(keys.length);
  });

  test("does not count what was deleted", () => {
    const map = new BoundedMap<string, number>(2);
    map.set("a", 1);
    map.set("b", 2);
    expect(map.delete("b")).toBe(true);
    map.set("c", 3);
    expect([...map.values()]).toEqual([1, 3]);
    map.clear();
    expect(map.has("a")).toBe(false);
  });
});

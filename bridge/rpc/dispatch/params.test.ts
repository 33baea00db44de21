import { describe, expect, test } from "@jest/globals";
import * as z from "zod";
import { parseExact, type WrittenNumber } from "../wire/exact-json.ts";
import { paramsReader } from "./params.ts";

const read = paramsReader(z.strictObject({ agent_id: z.string(), grace_ms: z.int().default(5) }));

function issuesOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return (error as { details: { issues: unknown } }).details.issues;
  }
  throw new Error("It did not throw");
}

describe("paramsReader", () => {
  test("reads params by name, by position, or none", () => {
    expect(read({ agent_id: "a" }, false)).toEqual({ agent_id: "a", grace_ms: 5 });
    expect(read(["a", 7], false)).toEqual({ agent_id: "a", grace_ms: 7 });
    expect(paramsReader(z.strictObject({}))(undefined, false)).toEqual({});
    expect(paramsReader(z.tuple([z.number()]))([1], false)).toEqual([1]);
  });

  test("names the field that the caller probably meant", () => {
    expect(issuesOf(() => read({ agentid: "a" }, false))).toEqual([
      { path: "agent_id", message: expect.stringContaining("string") },
      { path: "agentid", message: 'Unknown field "agentid"; did you mean "agent_id"?' },
    ]);
  });

  test("refuses more values than there are fields, and params that are no structure", () => {
    expect(issuesOf(() => read(["a", 1, 2], false))).toEqual([
      { path: "", message: "Expected at most 2 values (agent_id, grace_ms), got 3" },
    ]);
    for (const params of ["a", 1, null, false]) expect(() => read(params, false)).toThrow("Expected an object");
  });

  test("returns the id of a request as it was written, even beyond a double's precision", () => {
    const cancel = paramsReader(z.strictObject({ id: z.union([z.string(), z.number()]) }), "id");
    const textOf = (params: string) => (cancel(parseExact(params).value, true) as { id: WrittenNumber }).id.text;
    expect(textOf('{"id":1234567890123456789}')).toBe("1234567890123456789");
    expect(textOf("[1234567890123456789]")).toBe("1234567890123456789");
    expect(textOf('{"id":1.0}')).toBe("1.0");
  });

  test("refuses a number that a double cannot represent", () => {
    expect(issuesOf(() => read(parseExact('{"agent_id":12345678901234567890}').value, true))).toEqual([
      { path: "agent_id", message: "The number 12345678901234567890 cannot be kept exactly; send it as a string" },
    ]);
  });

  test("reports a prototype key as an unknown field and shortens a long name", () => {
    expect(issuesOf(() => read(JSON.parse('{"agent_id":"a","__proto__":{"x":1}}'), false))).toEqual([
      { path: "__proto__", message: 'Unknown field "__proto__"' },
    ]);
    expect(JSON.stringify(issuesOf(() => read({ agent_id: "a", ["k".repeat(1e6)]: 1 }, false))).length).toBeLessThan(
      500,
    );
  });
});

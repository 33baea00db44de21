import { events, methods } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import * as z from "zod";
import { fieldsTable } from "./fields.ts";

describe("fieldsTable()", () => {
  const named = z.object({ a: z.string().describe("The first.") }).meta({ id: "TestNamed" });

  test("shows the fields of a named type, and links to it where it is part of another", () => {
    expect(fieldsTable(named)).toContain("| `a` | string | required | The first. |");
    const table = fieldsTable(z.object({ list: z.array(named), one: named.optional() }));
    expect(table).toContain("| `list` | array of [TestNamed](types.md#testnamed) | required |");
    expect(table).toContain("| `one` | [TestNamed](types.md#testnamed) | optional |");
    expect(table).not.toContain("`one.a`");
  });

  test("shows the fields of unnamed objects, lists and records inside", () => {
    const table = fieldsTable(
      z.strictObject({
        to: z.array(z.strictObject({ lane: z.string(), per: z.number().min(1).default(2) })),
        providers: z.record(z.string(), z.strictObject({ kind: z.enum(["x", "y"]) })),
        headers: z.record(z.string(), z.string()),
      }),
    );
    expect(table).toContain("| `to[].lane` | string | required |");
    expect(table).toContain("| `to[].per` | number, at least 1 | default `2` |");
    expect(table).toContain('| `providers.<name>.kind` | `"x"`, `"y"` | required |');
    expect(table).toContain("| `headers` | object: name → string | required |");
  });

  test("shows the fields of a union's alternatives, and those that only some have as optional", () => {
    const union = z.union([
      z.object({ kind: z.literal("a"), both: z.string() }),
      z.object({ kind: z.literal("b"), both: z.string(), only: z.boolean() }),
    ]);
    const table = fieldsTable(union);
    expect(table).toContain('| `kind` | `"a"` or `"b"` | required |');
    expect(table).toContain("| `both` | string | required |");
    expect(table).toContain("| `only` | boolean | optional |");
    expect(fieldsTable(z.array(named))).toMatch(/^A list of \[TestNamed\]/);
    expect(fieldsTable(z.object({}))).toBe("None.");
  });
});

test.each([
  ["approval.request", methods["approval.request"].result, "approval_id"],
  ["matrix.verify", methods["matrix.verify"].result, "flow_id"],
  ["matrix.message", events["matrix.message"].data, "room_id"],
  ["keystore.list", methods["keystore.list"].result, "KeyInfo"],
] as const)("the reference shows the fields of %s", (_, schema, field) => {
  expect(fieldsTable(schema)).toContain(field);
});

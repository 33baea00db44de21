import { describe, expect, test } from "@jest/globals";
import { longJsonParts, parseJson } from "./long-json.ts";

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

describe("parseJson", () => {
  const plain = "aä1 ".repeat(100_000);
  const parse = (text: string): unknown => {
    try {
      return parseJson(text);
    } catch {
      return "not JSON";
    }
  };
  const reference = (text: string): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      return "not JSON";
    }
  };

  test.each([
    ["a string", `"${plain}"`],
    ["a member", `{"a":[1,{"b":"${plain}"}],"c":"d"}`],
    ["an element before others", `["${plain}",1,2,"x"]`],
    ["a repeated key", `{"a":"${plain}","a":1}`],
    ["a key of the prototype", `{"__proto__":"${plain}"}`],
    ["a key", `{"${plain}" : 1}`],
    ["escapes", `{"a":"${plain}\\n","b":"\\""}`],
    ["the placeholder elsewhere", `["\ue000","${plain}"]`],
    ["the placeholder as an escape", `["\\ue000","${plain}"]`],
    ["the placeholder inside", `["${plain}\ue000"]`],
    ["a long gap between strings", `["a",${"1,".repeat(200_000)}"b"]`],
    ["white space", `["a"${" ".repeat(300_000)},"b"]`],
    ["no string", `[${"1,".repeat(200_000)}1]`],
    ["text between two strings", `["a"${"x".repeat(300_000)}"b"]`],
    ["a control character", `["${plain}\u0001"]`],
    ["a newline", `["${plain}\n"]`],
    ["no end", `["${plain}`],
    ["no begin", `${plain}"]`],
    ["something after", `"${plain}" 1`],
    ["two long strings", `["${plain}","${plain}"]`],
    ["short texts", '{"a":"b"}'],
  ])("reads what JSON.parse reads: %s", (_, text) => {
    expect(parse(text)).toEqual(reference(text));
  });
});

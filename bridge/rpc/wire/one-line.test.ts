import { describe, expect, test } from "@jest/globals";
import { onOneLine } from "./one-line.ts";

describe("onOneLine()", () => {
  test("keeps a value that is written over several lines", () => {
    const value = { id: 1, text: 'a "quoted"\nline \\', list: [1, { deep: [] }] };
    const line = onOneLine(Buffer.from(JSON.stringify(value, null, 2).replaceAll("\n", "\r\n"))).toString();
    expect(line).not.toMatch(/[\r\n]/);
    expect(JSON.parse(line)).toEqual(value);
  });

  test.each(['{"a":"b\nc"}', '{"a":"b\\\nc"}', "{\n", '"\n'])("keeps %j one invalid message", (text) => {
    const line = onOneLine(Buffer.from(text)).toString();
    expect(line).not.toContain("\n");
    expect(() => JSON.parse(line)).toThrow();
  });
});

import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import { Base64, itemBytes, itemLine } from "./item-text.ts";
import { LineBuffers } from "./line-buffers.ts";

const [head, tail] = ['{"name":"ä€😀","item":', "}"];

function textOf(item: unknown): string {
  const line = itemLine(head, item, tail, new LineBuffers());
  return typeof line === "string" ? line : line.bytes.toString().replace(/\n$/, "");
}

test.each([0, 1, 2, 3, 48 * 1024, itemBytes, 1_000_000])(
  "%i bytes are base64 as an item and as a member of one",
  (length) => {
    const bytes = randomBytes(length);
    const text = bytes.toString("base64");
    expect(textOf(new Base64(bytes))).toBe(`${head}"${text}"${tail}`);
    const item = { name: 'a "name" ä€', content: new Base64(bytes.subarray(0)), left: undefined, size: length };
    expect(textOf(item)).toBe(`${head}${JSON.stringify({ ...item, content: text })}${tail}`);
  },
);

test("a long item is a line of bytes with its newline, and a short one is text", () => {
  const line = itemLine(head, new Base64(Buffer.alloc(itemBytes)), tail, new LineBuffers());
  expect(typeof line === "string" ? line : line.bytes.at(-1)).toBe("\n".charCodeAt(0));
  expect(typeof itemLine(head, new Base64(Buffer.alloc(1000)), tail, new LineBuffers())).toBe("string");
});

test.each([
  ["text", "a\u2028b\n"],
  ["a number", 1.5],
  ["nothing", null],
  ["an array", [1, "x"]],
  ["an object", { a: { b: [1] } }],
])("%s is written as JSON.stringify writes it", (_, item) => {
  expect(textOf(item)).toBe(`${head}${JSON.stringify(item)}${tail}`);
});

import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import { Base64, itemText } from "./item-text.ts";

test.each([0, 1, 2, 3, 100_000])("%i bytes are base64 as an item and as a member of one", (length) => {
  const bytes = randomBytes(length);
  const text = bytes.toString("base64");
  expect(JSON.parse(itemText(new Base64(bytes)))).toBe(text);
  const item = { name: 'a "name"', content: new Base64(bytes.subarray(0)), left: undefined, size: length };
  expect(itemText(item)).toBe(JSON.stringify({ ...item, content: text }));
});

test.each([
  ["text", "a\u2028b\n"],
  ["a number", 1.5],
  ["nothing", null],
  ["an array", [1, "x"]],
  ["an object", { a: { b: [1] } }],
])("%s is as JSON.stringify has it", (_, item) => {
  expect(itemText(item)).toBe(JSON.stringify(item));
});

import { expect, test } from "@jest/globals";
import { plainItem } from "./plain-item.ts";

const line = (item: unknown) =>
  JSON.stringify({ jsonrpc: "2.0", method: "rpc.stream", params: { id: 7, seq: 3, item } });

test.each(["", "QUJD", "ä€😀", "/+=="])("the text %p is used without parsing", (item) => {
  expect(plainItem(line(item))).toEqual({ id: 7, item });
});

test.each([
  ['a "quoted" text', line('a "quoted" text')],
  ["a backslash", line("a\\b")],
  ["a line break", line("a\nb")],
  ["no text", line({ content: "QUJD" })],
  ["more members after it", line("QUJD").replace(/}}$/, ',"more":"x"}}')],
  ["another method", line("QUJD").replace("rpc.stream", "event.push")],
  ["another order", '{"method":"rpc.stream","jsonrpc":"2.0","params":{"id":7,"seq":3,"item":"QUJD"}}'],
])("%s is left to JSON.parse", (_, text) => {
  expect(JSON.parse(text)).toBeDefined();
  expect(plainItem(text)).toBeUndefined();
});

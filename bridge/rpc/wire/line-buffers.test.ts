import { expect, test } from "@jest/globals";
import { LineBuffers } from "./line-buffers.ts";

test("a buffer is reused once its line was written, and not before", () => {
  const buffers = new LineBuffers();
  const [first, second] = [buffers.lend(100), buffers.lend(200)];
  expect(second.bytes.buffer).not.toBe(first.bytes.buffer);
  first.onWritten();
  const third = buffers.lend(300);
  expect(third.bytes.buffer).toBe(first.bytes.buffer);
  expect(third.bytes).toHaveLength(300);
});

test("a buffer whose write has failed may still be in use, and is not reused", () => {
  const buffers = new LineBuffers();
  const first = buffers.lend(100);
  first.onWritten(new Error("gone"));
  expect(buffers.lend(100).bytes.buffer).not.toBe(first.bytes.buffer);
});

test("one long buffer is kept for all lines, and none that is too long", () => {
  const buffers = new LineBuffers();
  const [first, second] = [buffers.lend(1_000_000), buffers.lend(900_000)];
  for (const { onWritten } of [first, second, buffers.lend(10_000_000)]) onWritten();
  expect(buffers.lend(800_000).bytes.buffer).toBe(first.bytes.buffer);
  expect(buffers.lend(800_000).bytes.buffer).not.toBe(second.bytes.buffer);
});

test("only a few buffers are kept, and no long one", () => {
  const buffers = new LineBuffers();
  const lent = Array.from({ length: 100 }, () => buffers.lend(100));
  lent.push(buffers.lend(10_000_000));
  for (const { onWritten } of lent) onWritten(null);
  const before = new Set(lent.map(({ bytes }) => bytes.buffer));
  const again = Array.from({ length: 100 }, () => buffers.lend(100).bytes);
  expect(again.filter(({ buffer }) => before.has(buffer))).toHaveLength(16);
  expect(Math.max(...again.map(({ buffer }) => buffer.byteLength))).toBeLessThan(128 * 1024);
});

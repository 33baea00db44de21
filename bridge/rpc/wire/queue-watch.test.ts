import { expect, test } from "@jest/globals";
import { defaultRpcLimits } from "../ports/limits.ts";
import { QueueWatch } from "./queue-watch.ts";

test("a queue is overdue when it stays over its bound for the write deadline, or is four times over it", () => {
  const watch = new QueueWatch({ ...defaultRpcLimits, queueBytesMax: 100, writeDeadlineMs: 10 });
  const at = (now: number, unsent: number) => watch.isOverdue(unsent, () => now);
  expect(at(0, 101)).toBe(false);
  expect(at(9, 400)).toBe(false);
  expect(at(9.5, 100)).toBe(false);
  expect(at(15, 101)).toBe(false);
  expect(at(25, 101)).toBe(true);
  expect(at(26, 0)).toBe(false);
  expect(at(27, 401)).toBe(true);
});

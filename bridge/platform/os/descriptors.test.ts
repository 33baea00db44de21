import { expect, test } from "@jest/globals";
import { descriptorLimit, descriptorsInUse, isOutOfDescriptors } from "./descriptors.ts";

const failed = (code: string) => Object.assign(new Error(`${code}: too many open files`), { code });

test.each([
  ["of the process", failed("EMFILE"), true],
  ["of the machine", failed("ENFILE"), true],
  ["behind another error", new Error("it did not start", { cause: failed("EMFILE") }), true],
  ["among several errors", new AggregateError([new Error("one"), failed("EMFILE")]), true],
  ["another error", failed("ENOENT"), false],
  ["no error", "EMFILE", false],
])("isOutOfDescriptors() finds the lack %s", (_, error, expected) => {
  expect(isOutOfDescriptors(error)).toBe(expected);
});

test("isOutOfDescriptors() ends for an error that causes itself", () => {
  const error = new Error("round");
  error.cause = error;
  expect(isOutOfDescriptors(error)).toBe(false);
});

test("the limit is above what is in use", () => {
  expect(descriptorLimit()).toBeGreaterThan(descriptorsInUse() ?? 0);
});

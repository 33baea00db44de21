import { expect, test } from "@jest/globals";
import { SelectorIndex } from "./selector-index.ts";

test("SelectorIndex finds each that may match once, and none of those that cannot", () => {
  const index = new SelectorIndex<string>();
  index.add("everything");
  index.add("any channel", { channels: [">"] });
  index.add("any of a type", { channels: ["*.a", ">"], types: ["t"] });
  index.add("one channel", { channels: ["a.b"] });
  index.add("below", { channels: ["a.>"] });
  index.add("middle", { channels: ["a.*.c"] });
  index.add("both", { channels: ["a.b", "a.>"] });
  const removeOther = index.add("other", { channels: ["x.y.>"] });
  expect(index.candidates("a.b", "t").sort()).toEqual(
    ["any channel", "any of a type", "below", "both", "everything", "middle", "one channel"].sort(),
  );
  expect(index.candidates("x.y.z", "u").sort()).toEqual(["any channel", "everything", "other"]);
  expect(index.candidates("x.yz", "u").sort()).toEqual(["any channel", "everything"]);
  removeOther();
  removeOther();
  expect(index.candidates("x.y.z", "u")).not.toContain("other");
  expect([index.has("other"), index.has("both"), index.all().length]).toEqual([false, true, 7]);
});

import { expect, test } from "@jest/globals";
import { staleFiles } from "../../scripts/reference/reference.ts";

test("docs/reference/ is what the sources say; if not, run `npm run generate`", () => {
  expect(staleFiles()).toEqual([]);
});

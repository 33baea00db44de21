import { expect, test } from "@jest/globals";
import { staleFiles } from "../../scripts/reference/reference.ts";

test("docs/reference/ is up to date; if not, run `npm run generate`", () => {
  expect(staleFiles()).toEqual([]);
});

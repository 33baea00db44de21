import { expect, test } from "@jest/globals";
import { describeIf } from "../support/machine/require-part.ts";
import { runOnWindows, wineIsThere } from "../support/machine/wine.ts";

// The reason why the test run could not install it. Only then may it be missing in continuous integration, too.
const reason = process.env["ARMORCLAW_TEST_NO_WINE"];

describeIf(
  wineIsThere(),
  reason ?? "no Wine here: `npm run nightly -- windows` gets it",
  "on Windows, as Wine has it",
  () => {
    test("the bridge, its pipe, the client SDK and every conformance case behave as on Linux", async () => {
      const said: string[] = [];
      const outcomes = await runOnWindows((line) => said.push(line));
      expect(outcomes.filter(({ ok }) => !ok)).toEqual([]);
      const names = outcomes.map(({ name }) => name);
      expect(names.filter((name) => name.startsWith("conformance: ")).length).toBeGreaterThan(100);
      expect(names).toContain("a second bridge on the same pipe is refused with 6, though its state is its own");
      expect(names).toContain("a sealed pipe serves who has the key and the token, and nobody without the key");
      expect(names).toContain("the bridge's checks ran to their end");
      expect(names).toContain("the fixture server's checks ran to their end");
    }, 300_000);
  },
  reason !== undefined,
);

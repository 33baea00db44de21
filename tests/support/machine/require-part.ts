import { describe, test } from "@jest/globals";

/**
 * Tests that need a part which a machine may not have, such as a Docker engine. Without it they are left out with one
 * line that says why; in continuous integration nothing may be left out, so there they fail.
 * @param mayLack whether even there they may be left out
 */
export function describeIf(
  isThere: boolean,
  reason: string,
  name: string,
  register: () => void,
  mayLack = false,
): void {
  if (isThere) {
    describe(name, register);
    return;
  }
  const isCi = ["1", "true"].includes(process.env["CI"] ?? "");
  process.stderr.write(`Left out: ${name}: ${reason}\n`);
  describe(name, () => {
    if (!isCi || mayLack) test.skip(`is left out: ${reason}`, () => undefined);
    else {
      test("has what it needs", () => {
        throw new Error(`${name} cannot run: ${reason}`);
      });
    }
  });
}

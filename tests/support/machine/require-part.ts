import { describe, test } from "@jest/globals";

/**
 * Registers tests that need a part which a machine may not have, such as a Docker engine. Without the part they are left out with one
 * line that gives the reason. In continuous integration they fail, because no test may be left out there.
 * @param mayLack whether they may be left out even there
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

import { engineConformance } from "../../../tests/support/engines/engine-conformance.ts";
import { probeOptions } from "../../../tests/support/engines/engine-harness.ts";
import { describeIf } from "../../../tests/support/machine/require-part.ts";
import { tempDirectory } from "../../../tests/support/temp.ts";
import { selectEngine } from "../index.ts";
import { launchers } from "./bubblewrap.ts";

const problem = await whyNoSandbox();

for (const launcher of launchers) {
  describeIf(problem === undefined, problem ?? "", `the sandbox engine, launched by ${launcher}`, () =>
    engineConformance({ kind: "sandbox", options: { launcher } }),
  );
}

async function whyNoSandbox(): Promise<string | undefined> {
  using directory = tempDirectory();
  try {
    const engine = await selectEngine(probeOptions("sandbox", directory.path));
    await engine.close();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

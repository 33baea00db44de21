// `npm run nightly -- NAME [FLAGS]`: runs one test at its full size, which takes too long for every change.
import { buildAgent, runTask, type Task } from "./tasks.ts";

const suites = (env: Readonly<Record<string, string>>, ...paths: readonly string[]): Task => ({
  script: "scripts/test.ts",
  args: paths,
  env,
});

const tasks: Readonly<Record<string, Task>> = {
  guards: suites(
    { ARMORCLAW_TEST_KILLS: "10000", ARMORCLAW_TEST_FLIP_PAGE_BYTES: "4096" },
    "tests/faults/guards-kill",
    "tests/faults/guards-flips",
  ),
  events: suites({ ARMORCLAW_TEST_EVENT_KILLS: "500" }, "tests/faults/events-kill.test.ts"),
  fuzz: suites({ ARMORCLAW_TEST_FUZZ_INPUTS: "1000000" }, "tests/faults/fuzz.test.ts"),
  matrix: suites(
    { ARMORCLAW_TEST_MATRIX_KILLS: "500", ARMORCLAW_TEST_MATRIX_PARTITIONS: "100" },
    "tests/faults/matrix",
  ),
  budget: { script: "scripts/faults-budget.ts" },
  soak: { script: "tests/faults/soak.ts", before: buildAgent },
  chaos: { script: "tests/faults/chaos.ts", before: buildAgent },
  containers: { script: "tests/faults/containers.ts", args: ["--nightly"], before: buildAgent },
  windows: { script: "scripts/test-windows.ts" },
};

process.exitCode = await runTask("nightly", tasks, process.argv.slice(2));

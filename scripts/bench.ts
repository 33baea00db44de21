// `npm run bench -- NAME [FLAGS]`: runs one benchmark. Each prints ratios against a baseline or a peer of the same run.
import { buildAgent, runTask, type Task } from "./tasks.ts";

const tasks: Readonly<Record<string, Task>> = {
  rpc: { script: "tests/bench/rpc/bench.ts" },
  events: { script: "tests/bench/events.ts" },
  llm: { script: "tests/bench/llm.ts" },
  containers: { script: "tests/bench/containers.ts", before: buildAgent },
  scale: { script: "tests/bench/scale.ts", before: buildAgent },
  matrix: { script: "tests/bench/matrix.ts" },
  voice: { script: "tests/bench/voice.ts" },
};

process.exitCode = await runTask("bench", tasks, process.argv.slice(2));

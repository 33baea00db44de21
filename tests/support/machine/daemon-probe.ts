// Loaded into a tested daemon with `--import`: answers what only its own process can say, on a socket in the directory that
// ARMORCLAW_TEST_PROBE names. It also moves the daemon's clock when it is asked to.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isMainThread } from "node:worker_threads";

/** The histogram's own period, which it counts in each delay. */
const resolutionMs = 2;
const directory = process.env["ARMORCLAW_TEST_PROBE"];

if (isMainThread && directory !== undefined) serve(directory);

function serve(directory: string): void {
  const clockFile = join(directory, "clock");
  const now = Date.now;
  let offsetMs = readOffset(clockFile);
  Date.now = () => now() + offsetMs;
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  const answers: Readonly<Record<string, (value: string) => unknown>> = {
    /** The memory after all garbage was collected. */
    memory: () => {
      setFlagsFromString("--expose-gc");
      const collect = runInNewContext("gc") as () => void;
      collect();
      collect();
      return process.memoryUsage();
    },
    /** The longest time that the loop was held since the last question. */
    stall: () => {
      const ms = Math.max(0, delay.max / 1e6 - resolutionMs);
      delay.reset();
      return ms;
    },
    clock: (value) => {
      offsetMs = Number(value);
      writeFileSync(clockFile, value);
      return offsetMs;
    },
  };
  const path = join(directory, "probe.sock");
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    socket.setEncoding("utf8").on("data", (text: string) => {
      const [question = "", value = ""] = text.trim().split(" ");
      // A timer's turn ends first, so that the histogram holds what came before the question.
      setTimeout(() => socket.write(`${JSON.stringify(answers[question]?.(value) ?? null)}\n`), 2 * resolutionMs);
    });
    socket.on("error", () => socket.destroy());
  });
  server.on("error", (error) => process.stderr.write(`probe: ${error.message}\n`));
  server.listen(path).unref();
}

function readOffset(path: string): number {
  try {
    return Number(readFileSync(path, "utf8"));
  } catch {
    return 0;
  }
}

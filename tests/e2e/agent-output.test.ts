import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { until } from "../support/until.ts";

const runs = async ({ client }: TestDaemon) => (await client.bridge.status()).agents.running === 1;

/** Writes numbered lines to the agent's output until it is stopped. Returns the number of lines. */
async function write(pid: number, stop: AbortSignal): Promise<number> {
  let count = 0;
  while (!stop.aborted) {
    count += 1;
    appendFileSync(`/proc/${pid}/fd/${count % 5 === 0 ? 2 : 1}`, `numbered ${count}\n`);
    await sleep(2);
  }
  return count;
}

describeOnEngines(
  "what an agent writes",
  (engine, engineEnv) => {
    test("while no bridge runs is read back by the next one, without a lost or repeated line", async () => {
      await using first = await startTestDaemon({ engine, env: engineEnv(), start: ["heartbeat"] });
      await until("it runs", () => runs(first));
      const { pid } = await first.client.agent.get({ agent_id: "heartbeat-1" });
      const stop = new AbortController();
      const writing = write(pid ?? 0, stop.signal);
      const logged = async (daemon: TestDaemon) => {
        const { stdout } = await daemon.cli(["logs", "heartbeat-1", "--tail", "10000"]);
        return [...stdout.matchAll(/numbered (\d+)/g)].map(([, number]) => Number(number));
      };
      await until("some of it is in the log", async () => (await logged(first)).length > 20);
      await first.end("SIGKILL");
      await sleep(300);
      await using second = await startTestDaemon({
        engine,
        env: engineEnv(),
        start: ["heartbeat"],
        directories: first.directories,
      });
      await until("it runs again", () => runs(second));
      expect((await second.client.agent.get({ agent_id: "heartbeat-1" })).pid).toBe(pid);
      stop.abort();
      const count = await writing;
      const numbers = await until("the last line", async () => {
        const all = await logged(second);
        return all.includes(count) ? all : undefined;
      });
      // The two streams have no order relative to each other.
      expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    }, 60_000);
  },
  ["docker"],
);

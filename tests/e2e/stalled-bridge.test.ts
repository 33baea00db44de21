import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { until } from "../support/until.ts";
import { WireClient } from "../support/wire/wire-client.ts";

/** The state of a process in the kernel's words, e.g. `T` for stopped; undefined when it is gone. */
function stateOf(pid: number): string | undefined {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

async function runningAgent(bridge: TestDaemon): Promise<number> {
  return await until(
    "the agent runs",
    async () => {
      const [agent] = (await bridge.client.agent.list()).agents;
      return agent?.state === "running" ? (agent.pid ?? undefined) : undefined;
    },
    60_000,
  );
}

const panicSocket = (bridge: TestDaemon) => join(bridge.directories.runtime, "panic.sock");

async function askForPanic(bridge: TestDaemon, reason: string): Promise<unknown> {
  await using client = await WireClient.open(panicSocket(bridge));
  client.send(JSON.stringify(reason));
  await client.until(() => client.lines.length > 0, "the guard's answer");
  return JSON.parse(client.lines[0] ?? "");
}

describeOnEngines(
  "a bridge whose thread stands still",
  (engine, engineEnv) => {
    test("has its agents frozen by the panic socket, and takes the panic over when it goes on", async () => {
      await using bridge = await startTestDaemon({ engine, env: engineEnv(), start: ["heartbeat"] });
      const agent = await runningAgent(bridge);
      process.kill(bridge.pid, "SIGSTOP");
      try {
        expect(await askForPanic(bridge, "the loop hangs")).toEqual({ agents: 1, frozen: 1 });
        await until(
          "the guard gives up the bridge and kills the agent",
          () => stateOf(agent) === undefined || stateOf(agent) === "Z",
        );
        expect(existsSync(join(bridge.directories.state, "panic-asked-for"))).toBe(true);
      } finally {
        process.kill(bridge.pid, "SIGCONT");
      }
      const panic = await until(
        "the bridge takes it over",
        async () => (await bridge.client.bridge.status()).panic ?? undefined,
      );
      expect(panic.reason).toBe("the loop hangs");
      await until("the note is gone", () => !existsSync(join(bridge.directories.state, "panic-asked-for")));
    }, 90_000);

    test("has its agents frozen by the panic command, which does not wait for the bridge", async () => {
      await using bridge = await startTestDaemon({ engine, env: engineEnv(), start: ["heartbeat"] });
      await runningAgent(bridge);
      process.kill(bridge.pid, "SIGSTOP");
      try {
        const { code, stdout } = await bridge.cli(["panic", "--reason", "it hangs", "--json"]);
        expect({ code, answer: JSON.parse(stdout) }).toEqual({
          code: 0,
          answer: { agents: 1, frozen: 1, by: "guard" },
        });
      } finally {
        process.kill(bridge.pid, "SIGCONT");
      }
      const panic = await until(
        "the bridge takes it over",
        async () => (await bridge.client.bridge.status()).panic ?? undefined,
      );
      expect(panic.reason).toBe("it hangs");
    }, 90_000);

    test("is in panic mode at its next start when it was killed before it took the panic over", async () => {
      await using bridge = await startTestDaemon({ engine, env: engineEnv(), start: ["heartbeat"] });
      await runningAgent(bridge);
      process.kill(bridge.pid, "SIGSTOP");
      await askForPanic(bridge, "killed meanwhile");
      await bridge.end("SIGKILL");
      await using next = await startTestDaemon({ engine, env: engineEnv(), directories: bridge.directories });
      expect((await next.client.bridge.status()).panic?.reason).toBe("killed meanwhile");
      expect((await next.client.agent.list()).agents.filter(({ state }) => state === "running")).toEqual([]);
    }, 90_000);
  },
  ["sandbox"],
);

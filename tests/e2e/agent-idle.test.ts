import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { tempDirectory } from "../support/temp.ts";
import { until } from "../support/until.ts";

const channels = ["agent.heartbeat-1.received"];

const stateIs = (daemon: TestDaemon, state: string) =>
  until(
    `it is ${state}`,
    async () => (await daemon.client.agent.get({ agent_id: "heartbeat-1" })).state === state,
    30_000,
  );

/** Returns the ids of the events that the agent's handler received. */
const received = async (daemon: TestDaemon): Promise<string[]> =>
  (await daemon.client.event.history({ channels, limit: 1000 })).events.map(({ data }) => String(data["event_id"]));

const publish = async (daemon: TestDaemon, n: number): Promise<string> =>
  (await daemon.client.event.publish({ channel: "work.in", type: "work.came", data: { n } })).id;

const handled = (daemon: TestDaemon, ids: readonly string[]) =>
  until(
    "the agent's handler has them",
    async () => {
      const had = new Set(await received(daemon));
      return ids.every((id) => had.has(id));
    },
    30_000,
  );

/** Options of a bridge whose heartbeat agent subscribes to `work.>` and is suspended when it has nothing to do. */
function suspended(engine: "sandbox" | "docker" | "process", env: Record<string, string>, mode: "stop" | "freeze") {
  const temp = tempDirectory();
  const config = join(temp.path, "armorclaw.toml");
  writeFileSync(
    config,
    `[loops.heartbeat]\nsubscriptions = ["work.>"]\nidle = { suspend_after_ms = 800, mode = "${mode}" }\n`,
  );
  const directories = { runtime: join(temp.path, "r"), state: join(temp.path, "s") };
  const flags = ["--config", config, "--set", "allow_unsandboxed=true"];
  return { engine, env, flags, start: ["heartbeat"], directories, [Symbol.dispose]: () => temp[Symbol.dispose]() };
}

describeOnEngines(
  "suspended agents",
  (engine, engineEnv) => {
    for (const mode of ["stop", "freeze"] as const) {
      test(`an agent that is suspended by ${mode} is woken by a subscribed event and handles it, also over kill -9 of the bridge`, async () => {
        using options = suspended(engine, engineEnv(), mode);
        let daemon = await startTestDaemon(options);
        const ids: string[] = [];
        try {
          await stateIs(daemon, "suspended");
          const { pid } = await daemon.client.agent.get({ agent_id: "heartbeat-1" });
          expect(pid === null).toBe(mode === "stop");
          ids.push(await publish(daemon, 0));
          await handled(daemon, ids);
          await stateIs(daemon, "suspended");
          const { events } = await daemon.client.event.history({ channels: ["agent.heartbeat-1.woken"] });
          expect(events[0]?.data).toMatchObject({ event_id: ids[0], event_type: "work.came" });
          for (let kill = 1; kill <= 1; kill++) {
            await stateIs(daemon, "suspended");
            ids.push(await publish(daemon, kill));
            await daemon.end("SIGKILL");
            await daemon.client.close();
            daemon = await startTestDaemon(options);
            await handled(daemon, ids);
          }
          const order = [...new Set(await received(daemon))];
          expect(order).toEqual(ids);
          expect((await daemon.client.event.dead_letters({})).dead_letters).toEqual([]);
        } finally {
          await daemon[Symbol.asyncDispose]();
        }
      }, 120_000);
    }

    test("a task or a person wakes a suspended agent; nothing wakes an agent that a person stopped, until a new start", async () => {
      using options = suspended(engine, engineEnv(), "stop");
      await using daemon = await startTestDaemon(options);
      const { client } = daemon;
      await stateIs(daemon, "suspended");
      expect((await client.bridge.health()).checks).toContainEqual(
        expect.objectContaining({
          name: "heartbeat-1",
          status: "ok",
          message: expect.stringMatching(/until something/),
        }),
      );
      expect((await daemon.cli(["ps"])).stdout).toMatch(/heartbeat-1\s+.*suspended/);
      await client.task.create({ title: "Sort", agent_id: "heartbeat-1" });
      const offered = await until("the task's offer", async () => {
        const { events } = await client.event.history({ channels, limit: 1000 });
        return events.find(({ data }) => data["event_type"] === "task.offered");
      });
      expect(offered.source).toBe("agent:heartbeat-1");
      await stateIs(daemon, "suspended");
      expect(await daemon.cli(["resume", "heartbeat-1"])).toMatchObject({ code: 0 });
      await stateIs(daemon, "running");
      await client.agent.stop({ agent_id: "heartbeat-1" });
      const missed = await publish(daemon, 1);
      await client.agent.start({ agent_type: "heartbeat" });
      const seen = await publish(daemon, 2);
      await handled(daemon, [seen]);
      expect(await received(daemon)).not.toContain(missed);
      expect((await client.agent.get({ agent_id: "heartbeat-1" })).state).not.toBe("stopped");
    }, 90_000);
  },
  ["sandbox"],
);

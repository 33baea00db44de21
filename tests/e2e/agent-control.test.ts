import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { EventEnvelope } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { until } from "../support/until.ts";

const running = (daemon: TestDaemon, count: number) =>
  until(`${count} run`, async () => (await daemon.client.bridge.status()).agents.running === count);

const eventOf = (daemon: TestDaemon, type: string): Promise<EventEnvelope> =>
  until(
    type,
    async () => (await daemon.client.event.history({ channels: [">"], filter: { types: [type] } })).events[0],
    30_000,
  );

const agentOf = (daemon: TestDaemon, agent_id: string) => daemon.client.agent.get({ agent_id });

describeOnEngines("control of agents", (engine, engineEnv) => {
  test("pause freezes an agent, also over a kill -9 of the bridge, until resume", async () => {
    await using first = await startTestDaemon({ engine, env: engineEnv(), start: ["heartbeat"] });
    await running(first, 1);
    expect(await first.cli(["pause", "heartbeat-1"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/paused/),
    });
    const { heartbeats, pid } = await agentOf(first, "heartbeat-1");
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await agentOf(first, "heartbeat-1")).toMatchObject({ state: "paused", live: null, heartbeats, pid });
    expect(await first.cli(["pause", "heartbeat-1"])).toMatchObject({ code: 0 });
    await first.end("SIGKILL");
    await using second = await startTestDaemon({
      engine,
      env: engineEnv(),
      directories: first.directories,
      start: ["heartbeat"],
    });
    await until("it is paused again", async () => (await agentOf(second, "heartbeat-1")).state === "paused");
    expect(await second.cli(["resume", "heartbeat-1"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/running/),
    });
    await until("heartbeats", async () => (await agentOf(second, "heartbeat-1")).heartbeats > 0);
    expect(await second.cli(["stop", "heartbeat-1"])).toMatchObject({ code: 0 });
    expect(await second.cli(["pause", "heartbeat-1"])).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(/AGENT_STATE_CONFLICT/),
    });
  }, 90_000);

  test("an agent that sends no heartbeats is killed, replaced and reported as hung", async () => {
    const flags = ["--set", "agents.hang_after_ms=3000"];
    await using daemon = await startTestDaemon({ engine, env: engineEnv(), flags, start: ["heartbeat"] });
    await running(daemon, 1);
    const { pid } = await agentOf(daemon, "heartbeat-1");
    process.kill(pid ?? 0, "SIGSTOP");
    const exited = await eventOf(daemon, "agent.exited");
    expect(exited.data).toMatchObject({
      exit: { reason: "hung", message: expect.stringMatching(/gave no sign of life for \d+\.\d s/) },
    });
    await eventOf(daemon, "agent.restarted");
    expect(await agentOf(daemon, "heartbeat-1")).toMatchObject({ state: "running", restarts: 1, epoch: 2 });
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  }, 60_000);

  test("panic freezes and kills all agents, lasts over restarts of any kind, and ends with bridge.resume", async () => {
    const start = ["heartbeat", "system-monitor"];
    await using first = await startTestDaemon({ engine, env: engineEnv(), start });
    await running(first, 2);
    const panic = await first.client.bridge.panic({ reason: "a drill" });
    expect(panic.agents).toBe(2);
    process.stderr.write(`panic: two agents frozen after ${panic.frozen_ms} ms\n`);
    expect((await first.client.agent.list()).agents.map(({ state }) => state)).toEqual(["stopped", "stopped"]);
    await eventOf(first, "bridge.panicked");
    for (const params of [
      ["start", "heartbeat"],
      ["restart", "heartbeat-1"],
    ])
      expect(await first.cli(params)).toMatchObject({ code: 6, stderr: expect.stringMatching(/BRIDGE_PANICKED/) });
    await first.end("SIGKILL");
    await using second = await startTestDaemon({ engine, env: engineEnv(), start, directories: first.directories });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await second.client.bridge.status()).toMatchObject({ containers: 0, panic: { reason: "a drill" } });
    expect(await second.cli(["bridge", "resume"])).toMatchObject({ code: 0 });
    await running(second, 2);
    expect((await second.client.bridge.status()).panic).toBeNull();
  }, 90_000);

  test("logs are kept over a restart, and are searched by time and text", async () => {
    await using first = await startTestDaemon({ engine, env: engineEnv(), start: ["heartbeat"] });
    const lines = async ({ client }: TestDaemon, params: object) =>
      (await Array.fromAsync(client.stream("agent.logs", { agent_id: "heartbeat-1", ...params }))) as {
        time: string;
        line: string;
      }[];
    const [pulse] = await until("a line", async () => {
      const found = await lines(first, { grep: "PULSE" });
      return found.length > 0 ? found : undefined;
    });
    await first.end("SIGKILL");
    await using second = await startTestDaemon({
      engine,
      env: engineEnv(),
      start: ["heartbeat"],
      directories: first.directories,
    });
    await running(second, 1);
    expect((await lines(second, { grep: "pulse", tail: 1_000 }))[0]).toEqual(pulse);
    const now = new Date(Date.parse(pulse?.time ?? "") + 1).toISOString();
    const after = await until("a later line", async () => {
      const found = await lines(second, { since: now });
      return found.length > 0 ? found : undefined;
    });
    expect(after.every(({ time }) => time >= now)).toBe(true);
    expect(readFileSync(join(second.directories.state, "logs/heartbeat-1.ndjson"), "utf8")).toContain("pulse");
  }, 60_000);

  test("an agent waits for its dependencies, and ends with its time to live", async () => {
    const flags = ["--set", `loops=${JSON.stringify({ heartbeat: { after: ["system-monitor"] } })}`];
    await using daemon = await startTestDaemon({ engine, env: engineEnv(), flags, start: ["heartbeat"] });
    const waiting = await until("it waits", async () => {
      const agent = await agentOf(daemon, "heartbeat-1");
      return agent.message !== null && agent;
    });
    expect(waiting).toMatchObject({
      state: "requested",
      message: expect.stringMatching(/until an agent of system-monitor is ready/),
    });
    await daemon.client.agent.start({ agent_type: "system-monitor", ttl_ms: 3_000 });
    await running(daemon, 2);
    const stopped = await eventOf(daemon, "agent.stopped");
    expect(stopped.data).toMatchObject({ agent_id: "system-monitor-1" });
    expect(await agentOf(daemon, "system-monitor-1")).toMatchObject({
      state: "stopped",
      message: "Its time to live is over",
    });
  }, 60_000);
});

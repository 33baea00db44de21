import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { EventEnvelope } from "@armorclaw/protocol";
import { describe, expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { until } from "../support/until.ts";

const parsed = (ndjson: string): EventEnvelope[] =>
  ndjson
    .split("\n")
    .filter((line) => line.endsWith("}"))
    .map((line) => JSON.parse(line) as EventEnvelope);

const agentOf = async ({ client }: TestDaemon, agent_id: string) => await client.agent.get({ agent_id });

describeOnEngines("the life of an agent", (engine, engineEnv) => {
  test("start, hello, event at a CLI subscriber, kill -9, restart with an event, stop", async () => {
    await using daemon = await startTestDaemon({ engine, env: engineEnv() });
    const follower = daemon.follow(["events", "--follow", "--json", "--channel", "agent.heartbeat-1.>"]);
    const seen = (type: string) => parsed(follower.output.stdout).filter((event) => event.type === type);
    await until("the subscriber is connected", () => follower.output.stderr.includes("Connected"));

    const started = await daemon.cli(["start", "heartbeat", "--json"]);
    expect(started).toMatchObject({ code: 0, stderr: "" });
    const answer = JSON.parse(started.stdout) as Record<string, unknown>;
    expect(answer).toMatchObject({
      agent_id: "heartbeat-1",
      agent_type: "heartbeat",
      state: "running",
      status: "running",
      epoch: 1,
    });
    expect(existsSync(String(answer["endpoint"]))).toBe(true);
    const first = await until("a heartbeat", () => seen("agent.heartbeat")[0]);
    expect(first).toMatchObject({
      channel: "agent.heartbeat-1.heartbeat",
      source: "agent:heartbeat-1",
      data: { seq: 1 },
    });
    await until("the loop's own event", () =>
      parsed(follower.output.stdout).find(({ type }) => type === "heartbeat.pulse"),
    );

    const { pid } = await agentOf(daemon, "heartbeat-1");
    process.kill(pid ?? 0, "SIGKILL");
    const restarted = await until("agent.restarted", () => seen("agent.restarted")[0]);
    expect(restarted.data).toMatchObject({ agent_id: "heartbeat-1", restarts: 1, epoch: 2 });
    expect(seen("agent.exited")[0]?.data).toMatchObject({ exit: { reason: "killed", code: 137 }, epoch: 1 });
    const back = await agentOf(daemon, "heartbeat-1");
    expect(back).toMatchObject({ state: "running", restarts: 1 });
    expect(back.pid).not.toBe(pid);
    await until("a heartbeat of the new start", () => seen("agent.heartbeat").find(({ data }) => data["epoch"] === 2));

    expect(await daemon.cli(["stop", "heartbeat-1"])).toMatchObject({ code: 0 });
    await until("agent.stopped", () => seen("agent.stopped")[0]);
    expect(await agentOf(daemon, "heartbeat-1")).toMatchObject({
      state: "stopped",
      exit: { code: 0, reason: "completed" },
    });
    expect(readdirSync(join(daemon.directories.runtime, "agents"))).toEqual([]);
    follower.child.kill("SIGINT");
    expect((await follower.finished).code).toBe(130);
  }, 60_000);

  test("its output reaches logs, and its use is measured", async () => {
    await using daemon = await startTestDaemon({ engine, env: engineEnv(), start: ["heartbeat"] });
    await until("it runs", async () => (await daemon.client.bridge.status()).agents.running === 1);
    const follower = daemon.follow(["logs", "-f", "heartbeat-1"]);
    await until("two lines", () => (follower.output.stdout.match(/pulse \d/g)?.length ?? 0) >= 2);
    follower.child.kill("SIGINT");
    await follower.finished;
    const [usage] = (await daemon.client.agent.usage()).agents;
    expect(usage?.memory_bytes).toBeGreaterThan(1_000_000);
    expect(usage?.memory_bytes).toBeLessThan(134_217_728);
  }, 60_000);

  test("the system monitor publishes real figures of the host and of each agent", async () => {
    await using daemon = await startTestDaemon({ engine, env: engineEnv(), start: ["heartbeat", "system-monitor"] });
    const metrics = await until(
      "metrics with processor shares",
      async () => {
        const { events } = await daemon.client.event.history({ channels: ["agent.system-monitor-1.metrics"] });
        return events.findLast(({ data }) =>
          (data["agents"] as { cpu_percent: number | null }[]).some(({ cpu_percent }) => cpu_percent !== null),
        );
      },
      30_000,
    );
    const { host, agents } = metrics.data as {
      host: { memory_total_bytes: number; memory_available_bytes: number; disk_free_bytes: number; cpus: number };
      agents: { agent_id: string; memory_bytes: number }[];
    };
    expect(host.memory_total_bytes).toBeGreaterThan(host.memory_available_bytes);
    expect(host.disk_free_bytes).toBeGreaterThan(0);
    expect(host.cpus).toBeGreaterThan(0);
    expect(agents.map(({ agent_id }) => agent_id).sort()).toEqual(["heartbeat-1", "system-monitor-1"]);
  }, 60_000);

  test("SIGTERM stops everything in the documented order and leaves nothing", async () => {
    await using daemon = await startTestDaemon({ engine, env: engineEnv(), start: ["heartbeat", "system-monitor"] });
    await until("both run", async () => (await daemon.client.bridge.status()).agents.running === 2);
    const { agents } = await daemon.client.agent.list();
    const follower = daemon.follow(["events", "--follow", "--json"]);
    await until("the subscriber is connected", () => follower.output.stderr.includes("Connected"));
    const { code, stderr } = await daemon.end("SIGTERM");
    expect(code).toBe(0);
    const phases = stderr.split("\n").flatMap((line) => {
      const { msg, phase, service } = line.startsWith("{") ? (JSON.parse(line) as Record<string, string>) : {};
      return msg === "lifecycle" && phase !== "start" ? [`${phase} ${service}`] : [];
    });
    const core = new Set(["bridge", "control socket", "rpc", "agents"]);
    expect(phases.filter((phase) => core.has(phase.replace(/^\w+ /, "")))).toEqual([
      "drain bridge",
      "drain control socket",
      "drain rpc",
      "drain agents",
      "stop bridge",
      "stop control socket",
      "stop rpc",
      "stop agents",
    ]);
    for (const { pid } of agents) expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(existsSync(daemon.socket)).toBe(false);
    expect(readdirSync(join(daemon.directories.runtime, "agents"))).toEqual([]);
    const types = parsed(follower.output.stdout)
      .map(({ type }) => type)
      .filter((type) => /draining|stopped/.test(type));
    expect(types).toEqual(["bridge.draining", "agent.stopped", "agent.stopped"]);
    follower.child.kill("SIGKILL");
  }, 60_000);

  test("after kill -9 of the bridge and a new start, the agent goes on, is supervised again, and nothing is duplicated", async () => {
    await using first = await startTestDaemon({ engine, env: engineEnv(), start: ["heartbeat"] });
    await until("it runs", async () => (await first.client.bridge.status()).agents.running === 1);
    const before = await agentOf(first, "heartbeat-1");
    await first.end("SIGKILL");
    await using second = await startTestDaemon({
      engine,
      env: engineEnv(),
      start: ["heartbeat"],
      directories: first.directories,
    });
    await until("it runs again", async () => (await second.client.bridge.status()).agents.running === 1);
    expect((await second.client.bridge.status()).containers).toBe(1);
    const after = await agentOf(second, "heartbeat-1");
    // A plain process ends with its bridge.
    const isKept = engine !== "process";
    const { pid, epoch, container_id } = before;
    if (isKept) expect(after).toMatchObject({ pid, epoch, container_id, restarts: 0, isolation: before.isolation });
    else await until("the earlier agent is gone", () => !existsSync(`/proc/${pid}`));
    const agents = join(first.directories.runtime, "agents");
    const listening = readdirSync(agents).filter((name) => existsSync(join(agents, name, "agent.sock")));
    expect(listening).toEqual([`heartbeat-1.${isKept ? 1 : 2}`]);

    const follower = second.follow(["events", "--follow", "--json", "--channel", "agent.heartbeat-1.>"]);
    await until("a heartbeat", () => follower.output.stdout.includes('"agent.heartbeat"'));
    process.kill(after.pid ?? 0, "SIGKILL");
    await until("its replacement", async () => (await agentOf(second, "heartbeat-1")).epoch === after.epoch + 1);
    const exited = await until("the event of its end", () =>
      parsed(follower.output.stdout).find(({ type }) => type === "agent.exited"),
    );
    expect(exited.data).toMatchObject({ exit: { reason: "killed", code: 137 } });
    follower.child.kill("SIGKILL");
  }, 60_000);
});

describe("two bridges", () => {
  test("on one set of directories: the second refuses with exit 6 and leaves the first alone", async () => {
    await using first = await startTestDaemon({ engine: "process", start: ["heartbeat"] });
    await until("it runs", async () => (await first.client.bridge.status()).agents.running === 1);
    const { runtime, state } = first.directories;
    const second = await first.cli(["run", "--engine", "process", "--runtime-dir", runtime, "--state-dir", state]);
    expect(second.code).toBe(6);
    expect(second.stderr).toMatch(/^armorclaw: ALREADY_RUNNING: .*\n {2}next: /);
    expect((await first.client.bridge.status()).agents.running).toBe(1);
  }, 30_000);
});

import { existsSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { until } from "../support/until.ts";

const agentOf = async ({ client }: TestDaemon) => await client.agent.get({ agent_id: "heartbeat-1" });

/** Waits until the agent runs, in the given start if any, and a standby other than the given ones is ready. */
const standing = async (daemon: TestDaemon, epoch: number | undefined, not: readonly (number | null)[]) =>
  await until("a standby is ready", async () => {
    const agent = await agentOf(daemon);
    const isNew = agent.standby_pid !== null && !not.includes(agent.standby_pid);
    return agent.state === "running" && (epoch ?? agent.epoch) === agent.epoch && isNew ? agent : undefined;
  });

const gone = async (pid: number | null) => await until(`${pid} is gone`, () => !existsSync(`/proc/${pid}`));

/** Connects to an agent's socket and sends calls as if it were the agent. */
function speak(path: string) {
  const socket = connect(path);
  const heard = { bytes: 0, isClosed: false };
  socket.on("data", (data) => {
    heard.bytes += data.length;
  });
  socket
    .on("error", () => undefined)
    .on("close", () => {
      heard.isClosed = true;
    });
  socket.write('{"jsonrpc":"2.0","id":1,"method":"rpc.ping"}\n{"jsonrpc":"2.0","id":2,"method":"agent.hello"}\n');
  return heard;
}

describeOnEngines(
  "an agent's standby",
  (engine, engineEnv) => {
    const options = () => ({ engine, env: engineEnv(), flags: ["--set", "loops.heartbeat.standby=true"] });

    test("is ready without subscriptions, takes over from a dead agent, and is replaced", async () => {
      await using daemon = await startTestDaemon({ ...options(), start: ["heartbeat"] });
      const before = await standing(daemon, 1, []);
      expect(before.standby_pid).not.toBe(before.pid);
      const heard = speak(join(daemon.directories.runtime, "agents", "heartbeat-1.2", "agent.sock"));
      expect((await daemon.cli(["agent", "get", "heartbeat-1"])).stdout).toContain(
        `pid ${before.standby_pid} is ready`,
      );
      expect(heard).toEqual({ bytes: 0, isClosed: false });

      process.kill(before.pid ?? 0, "SIGKILL");
      const after = await standing(daemon, 2, [before.standby_pid]);
      expect(after).toMatchObject({ pid: before.standby_pid, restarts: 1, isolation: before.isolation });
      await until("its own heartbeats come", async () => (await agentOf(daemon)).heartbeats > 1);
      // Only then does the bridge know that the peer is not in the agent's container.
      await until("the stranger's connection is ended", () => heard.isClosed);
      expect(heard.bytes).toBe(0);

      process.kill(after.standby_pid ?? 0, "SIGKILL");
      expect(await standing(daemon, 2, [after.standby_pid])).toMatchObject({ pid: after.pid, restarts: 1 });
    }, 60_000);

    test("ends with a killed bridge, with a panic and with its agent", async () => {
      await using killed = await startTestDaemon({ ...options(), start: ["heartbeat"] });
      const first = await standing(killed, 1, []);
      await killed.end("SIGKILL");
      const { directories } = killed;
      await using daemon = await startTestDaemon({ ...options(), start: ["heartbeat"], directories });
      const second = await standing(daemon, undefined, [first.standby_pid]);
      expect(second.pid).toBe(first.pid);
      await gone(first.standby_pid);

      await daemon.client.bridge.panic({ reason: "a test" });
      expect(existsSync(`/proc/${second.standby_pid}`)).toBe(false);
      await daemon.client.bridge.resume();
      const third = await standing(daemon, undefined, [second.standby_pid]);

      // The remains of the standby are still being removed during the next starts.
      for (let i = 0; i < 3; i++) await daemon.client.agent.restart({ agent_id: "heartbeat-1", grace_ms: 1_000 });
      const fourth = await standing(daemon, undefined, [third.standby_pid]);
      await daemon.client.agent.stop({ agent_id: "heartbeat-1" });
      expect(existsSync(`/proc/${fourth.standby_pid}`)).toBe(false);
      await daemon.client.agent.start({ agent_type: "heartbeat" });
      await daemon.client.agent.stop({ agent_id: "heartbeat-1" });
      expect(await agentOf(daemon)).toMatchObject({ state: "stopped", standby_pid: null });
      expect(readdirSync(join(directories.runtime, "agents"))).toEqual([]);
    }, 60_000);
  },
  ["sandbox", "docker"],
);

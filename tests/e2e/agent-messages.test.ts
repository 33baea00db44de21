import { expect, test } from "@jest/globals";
import { startTestDaemon } from "../support/daemon.ts";
import { agentCall, asAgent } from "../support/engines/agent-line.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { until } from "../support/until.ts";

describeOnEngines(
  "messages and tasks of agents",
  (engine, env) => {
    const start = async () => {
      const daemon = await startTestDaemon({ engine, env: env(), start: ["heartbeat", "system-monitor"] });
      await until("both run", async () => (await daemon.client.bridge.status()).agents.running === 2, 60_000);
      return daemon;
    };

    test("a person asks an agent and gets its reply; no other agent may answer, subscribe or send without a grant", async () => {
      await using daemon = await start();
      const { client } = daemon;
      const asked = client.agent.send({
        agent_id: "heartbeat-1",
        kind: "ask",
        data: { n: 1 },
        reply_within_ms: 60_000,
      });
      const message = await until("the message", async () => {
        const { events } = await client.event.history({ channels: ["agent.heartbeat-1.message"] });
        return events[0];
      });
      expect(message).toMatchObject({
        type: "agent.message",
        source: "user:0",
        data: { kind: "ask", expects_reply: true },
      });
      const reply = { in_reply_to: message.id, kind: "answer", data: { n: 2 } };
      const refused = await asAgent(daemon, "system-monitor-1", [
        { method: "agent.send", params: reply },
        { method: "agent.send", params: { agent_id: "heartbeat-1" } },
        { method: "event.subscribe", params: { channels: ["agent.heartbeat-1.message"] } },
        { method: "event.publish", params: { channel: "broadcast.all", type: "test.said" } },
        { method: "task.create", params: { title: "x", agent_id: "heartbeat-1" } },
      ]);
      expect(refused.map(({ error }) => error?.data.code)).toEqual(refused.map(() => "FORBIDDEN"));
      const [listen] = await asAgent(daemon, "system-monitor-1", [
        { method: "event.subscribe", params: { channels: ["broadcast.>"] } },
      ]);
      expect(listen?.error).toBeUndefined();
      expect((await agentCall(daemon, "heartbeat-1", "agent.send", reply)).error).toBeUndefined();
      expect((await asked).reply).toMatchObject({ kind: "answer", data: { n: 2 } });
      const late = client.agent.send({ agent_id: "heartbeat-1", kind: "ask", reply_within_ms: 100 });
      await expect(late).rejects.toMatchObject({ code: "TIMED_OUT" });
    });

    test("a task is offered to its agent, and its progress is shown as a bar", async () => {
      await using daemon = await start();
      const { client } = daemon;
      const { task } = await client.task.create({ title: "Sort", agent_id: "heartbeat-1", payload: { box: 1 } });
      const { task_id } = task;
      expect((await agentCall(daemon, "system-monitor-1", "task.claim")).result).toEqual({ task: null });
      const [claimed, half] = await asAgent(daemon, "heartbeat-1", [
        { method: "task.claim" },
        { method: "task.update", params: { task_id, progress: 0.5, message: "half" } },
      ]);
      expect(claimed?.result?.["task"]).toMatchObject({ task_id, state: "running", payload: { box: 1 } });
      expect(half?.error).toBeUndefined();
      const foreign = await agentCall(daemon, "system-monitor-1", "task.update", { task_id, outcome: "done" });
      expect(foreign.error?.data.code).toBe("TASK_STATE_CONFLICT");
      const bar = `${"█".repeat(10)}${"░".repeat(10)}  50 %`;
      expect((await daemon.cli(["tasks"])).stdout).toContain(bar);
      expect((await daemon.cli(["events", "--type", "task.progressed"])).stdout).toContain(`Sort ${bar} half`);
      await agentCall(daemon, "heartbeat-1", "task.update", { task_id, outcome: "done", result: { moved: 3 } });
      expect((await client.task.list({})).tasks).toMatchObject([{ state: "done", progress: 1, result: { moved: 3 } }]);
    });

    test("a task without a report of its agent goes back to the queue, and is dead after its last attempt", async () => {
      await using daemon = await start();
      const { client } = daemon;
      const { task } = await client.task.create({
        title: "Sort",
        agent_id: "heartbeat-1",
        lease_ms: 1_000,
        attempts_max: 2,
      });
      const { task_id } = task;
      const claimed = (attempt: number) =>
        until(
          `attempt ${attempt}`,
          async () => (await agentCall(daemon, "heartbeat-1", "task.claim")).result?.["task"] ?? undefined,
          30_000,
        );
      expect(await claimed(1)).toMatchObject({ task_id, state: "running", attempts: 1 });
      expect((await agentCall(daemon, "heartbeat-1", "task.claim")).result).toEqual({ task: null });
      expect(await claimed(2)).toMatchObject({ task_id, attempts: 2 });
      await until("its end", async () => (await client.task.list({ state: "dead" })).tasks.length === 1, 30_000);
      const late = await agentCall(daemon, "heartbeat-1", "task.update", { task_id, outcome: "done" });
      expect(late.error?.data.code).toBe("TASK_STATE_CONFLICT");
      const { events } = await client.event.history({ channels: [`task.${task_id}.>`] });
      expect(events.map(({ type }) => type)).toEqual([
        "task.created",
        "task.claimed",
        "task.failed",
        "task.claimed",
        "task.dead",
      ]);
    });
  },
  ["sandbox"],
);

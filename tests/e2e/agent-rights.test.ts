import { methods } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import { startTestDaemon } from "../support/daemon.ts";
import { asAgent } from "../support/engines/agent-line.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { until } from "../support/until.ts";

describeOnEngines(
  "an agent on its own socket",
  (engine, engineEnv) => {
    test("is refused every method that its role lacks, also with another agent's id as a parameter", async () => {
      await using daemon = await startTestDaemon({ engine, env: engineEnv(), start: ["heartbeat", "system-monitor"] });
      await until("both run", async () => (await daemon.client.bridge.status()).agents.running === 2);

      const forbidden = Object.entries(methods).filter(
        ([, { roles }]) => !(roles as readonly string[]).includes("agent"),
      );
      const refused = await asAgent(
        daemon,
        "heartbeat-1",
        forbidden.map(([method, { example }]) => ({ method, params: example.params })),
      );
      expect(refused.map(({ error }) => error?.data.code)).toEqual(forbidden.map(() => "FORBIDDEN"));
      expect(forbidden.length).toBeGreaterThan(10);
      const onRecord = await until("the record", async () => {
        const { records } = await daemon.client.audit.tail({ limit: 100 });
        const found = records.filter((record) => record.principal === "agent:heartbeat-1" && record.calls === 1);
        return found.length >= 16 ? found : undefined;
      });
      expect(onRecord.map(({ method, result }) => [method, result])).toEqual(
        forbidden.slice(0, 16).map(([method]) => [method, "FORBIDDEN"]),
      );

      const before = await daemon.client.agent.get({ agent_id: "system-monitor-1" });
      const other = "agent.system-monitor-1.metrics";
      const [named, channel, listen, type, grant, hello] = await asAgent(daemon, "heartbeat-1", [
        { method: "agent.report", params: { activity: "error", agent_id: "system-monitor-1" } },
        { method: "event.publish", params: { channel: other, type: "system.metrics" } },
        { method: "event.subscribe", params: { channels: ["agent.*.metrics"] } },
        { method: "event.publish", params: { channel: "agent.heartbeat-1.x", type: "agent.stopped" } },
        { method: "system.info" },
        { method: "agent.hello", params: { runtime_version: "0", pid: 1 } },
      ]);
      expect(named?.error?.data.code).toBe("INVALID_PARAMS");
      for (const answer of [channel, listen, type, grant]) expect(answer?.error?.data.code).toBe("FORBIDDEN");
      expect(hello?.result).toMatchObject({ agent_id: "heartbeat-1" });
      expect((await daemon.client.agent.get({ agent_id: "system-monitor-1" })).activity).toBe(before.activity);
    }, 60_000);
  },
  ["sandbox", "docker"],
);

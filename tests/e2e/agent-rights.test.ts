import { spawnSync } from "node:child_process";
import { methods } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { describeOnEngines } from "../support/engines.ts";
import { insideAgent } from "../support/inside-agent.ts";
import { until } from "../support/until.ts";

/** Sends lines from inside an agent's container, as that agent, over its own socket, and gives what came back. */
async function asAgent(
  { client }: TestDaemon,
  agent_id: string,
  requests: readonly { method: string; params?: object }[],
) {
  const { pid } = await client.agent.get({ agent_id });
  const lines = requests.map((request, id) => JSON.stringify({ jsonrpc: "2.0", id, ...request })).join("\n");
  const script = `const s=require("node:net").connect("/run/bridge/agent.sock");s.end(${JSON.stringify(`${lines}\n`)});s.pipe(process.stdout);s.on("error",e=>console.log(e.code))`;
  const { command, args } = insideAgent(pid ?? 0, ["/bin/node", "-e", script]);
  const { stdout, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: 20_000 });
  const answers = stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
  if (answers.length !== requests.length) throw new Error(`${stdout}${stderr}`);
  return answers.sort((a, b) => a.id - b.id) as {
    result?: Record<string, unknown>;
    error?: { data: { code: string } };
  }[];
}

describeOnEngines(
  "an agent on its own socket",
  (engine, engineEnv) => {
    test("is refused every method that its role lacks, and another agent's name changes nothing", async () => {
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

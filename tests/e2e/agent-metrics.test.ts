import { expect, test } from "@jest/globals";
import { startTestDaemon } from "../support/daemon.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { until } from "../support/until.ts";
import { unixFetch } from "../support/wire/unix-fetch.ts";

describeOnEngines(
  "figures of agents",
  (engine, engineEnv) => {
    test("show their states, ends, restarts and use", async () => {
      await using daemon = await startTestDaemon({ engine, env: engineEnv(), start: ["heartbeat", "heartbeat"] });
      await until("both run", async () => (await daemon.client.bridge.status()).agents.running === 2);
      const { pid } = await daemon.client.agent.get({ agent_id: "heartbeat-1" });
      process.kill(pid ?? 0, "SIGKILL");
      await until("it is replaced", async () => {
        const { restarts, state } = await daemon.client.agent.get({ agent_id: "heartbeat-1" });
        return restarts === 1 && state === "running";
      });
      await daemon.client.agent.pause({ agent_id: "heartbeat-2" });
      const page = await (await unixFetch(daemon.socket)("http://bridge/metrics")).text();
      const figure = (name: string) => {
        const line = page.split("\n").find((one) => one.startsWith(`${name} `));
        return line === undefined ? undefined : Number(line.slice(name.length + 1));
      };
      expect(figure('armorclaw_agents{state="running"}')).toBe(1);
      expect(figure('armorclaw_agents{state="paused"}')).toBe(1);
      expect(figure('armorclaw_agents{state="failed"}')).toBe(0);
      expect(figure('armorclaw_agent_restarts_total{agent="heartbeat-1"}')).toBe(1);
      expect(figure('armorclaw_agent_restarts_total{agent="heartbeat-2"}')).toBe(0);
      expect(figure('armorclaw_agent_exits_total{agent="heartbeat-1",reason="killed"}')).toBe(1);
      expect(figure('armorclaw_agent_memory_bytes{agent="heartbeat-1"}')).toBeGreaterThan(1_000_000);
      expect(figure('armorclaw_agent_cpu_seconds_total{agent="heartbeat-1"}')).toBeGreaterThan(0);
      expect(figure('armorclaw_agent_pids{agent="heartbeat-1"}')).toBeGreaterThan(1);
      expect(figure("armorclaw_engine_reachable")).toBe(1);
      expect(page).toContain("# TYPE armorclaw_agent_restarts_total counter");
    }, 60_000);
  },
  ["sandbox"],
);

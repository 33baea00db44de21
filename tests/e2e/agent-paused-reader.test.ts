import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "@jest/globals";
import { startTestDaemon } from "../support/daemon.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { insideAgent } from "../support/engines/inside-agent.ts";
import { until } from "../support/until.ts";

const channel = "agent.heartbeat-1.poked";
const params = { channels: [channel], name: "slow", ack_deadline_ms: 100, attempts_max: 2 };
const subscribeLine = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "event.subscribe", params });
/** Reads pushed events, and never acknowledges them. */
const script = `const s=require("node:net").connect("/run/bridge/agent.sock");s.write(${JSON.stringify(`${subscribeLine}\n`)});s.resume()`;

describeOnEngines(
  "an agent that is paused with an event in hand",
  (engine, env) => {
    test("counts no attempt: the event becomes a dead letter only after the agent resumes and does not acknowledge it", async () => {
      await using daemon = await startTestDaemon({ engine, env: env(), start: ["heartbeat"] });
      const { client } = daemon;
      const pid = await until("the agent", async () => {
        const { agents } = await client.agent.list();
        return agents[0]?.state === "running" && agents[0].pid;
      });
      const { command, args } = insideAgent(pid, ["/bin/node", "-e", script]);
      const reader = spawn(command, args, { stdio: "ignore" });
      const ended = once(reader, "close");
      await until("its subscription", async () =>
        (await client.event.consumers()).consumers.some(({ name, connected }) => name === "slow" && connected),
      );
      await client.agent.pause({ agent_id: "heartbeat-1" });
      await client.event.publish({ channel, type: "test.poked" });
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      expect((await client.event.dead_letters()).dead_letters).toEqual([]);
      await client.agent.resume({ agent_id: "heartbeat-1" });
      await until("the dead letter", async () => (await client.event.dead_letters()).dead_letters.length === 1);
      await client.agent.stop({ agent_id: "heartbeat-1" });
      await ended;
    }, 60_000);
  },
  ["sandbox"],
);

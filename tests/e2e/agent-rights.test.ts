import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { methods } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { describeOnEngines } from "../support/engines.ts";
import { until } from "../support/until.ts";

/** The files by which a process joins the agent's own cgroups, in cgroup v1 or v2. */
function cgroupsOf(pid: number): string[] {
  const lines = (of: number | "self") => readFileSync(`/proc/${of}/cgroup`, "utf8").trim().split("\n");
  const shared = new Set(lines("self"));
  return lines(pid)
    .filter((line) => !shared.has(line))
    .map((line) => {
      const [, controllers = "", path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      return join("/sys/fs/cgroup", controllers.replace(/^name=/, ""), path, "cgroup.procs");
    })
    .filter((file) => existsSync(file));
}

/** Sends lines from inside an agent's container, as that agent, over its own socket, and gives what came back. */
async function asAgent(
  { client }: TestDaemon,
  agent_id: string,
  requests: readonly { method: string; params?: object }[],
) {
  const { pid } = await client.agent.get({ agent_id });
  const lines = requests.map((request, id) => JSON.stringify({ jsonrpc: "2.0", id, ...request })).join("\n");
  const script = `const s=require("node:net").connect("/run/bridge/agent.sock");s.end(${JSON.stringify(`${lines}\n`)});s.pipe(process.stdout);s.on("error",e=>console.log(e.code))`;
  const uid = spawnSync("stat", ["-c", "%u", `/proc/${pid}`], { encoding: "utf8" }).stdout.trim();
  const inside = ["nsenter", "-t", String(pid), "-m", "-S", uid, "-G", uid, "--", "/bin/node", "-e", script];
  // The socket serves processes of the agent's container alone, so the caller joins its cgroups first.
  const joining = cgroupsOf(pid ?? 0).map((file) => `echo $$ >${file}`);
  const program = ["-c", [...joining, 'exec "$@"'].join(" && "), "sh", ...inside];
  const { stdout, stderr } = spawnSync("sh", program, { encoding: "utf8", timeout: 20_000 });
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

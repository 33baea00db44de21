import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AgentId } from "@armorclaw/protocol";
import { expect, test } from "@jest/globals";
import { startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { describeOnEngines } from "../support/engines/engines.ts";
import { describeIf } from "../support/machine/require-part.ts";
import { until } from "../support/until.ts";

const sizeBytes = 16 * 1024 * 1024;

const workspaceOf = async ({ client }: TestDaemon): Promise<string> => {
  const { pid } = await client.agent.get({ agent_id: "heartbeat-1" });
  return `/proc/${pid}/root/workspace`;
};

describeIf(process.getuid?.() === 0, "only root can bound a workspace", "workspaces", () =>
  describeOnEngines(
    "an agent's workspace",
    (engine, engineEnv) => {
      test("is kept over restarts of agent and bridge, bounded by the kernel, and removed only by an operator", async () => {
        const env = {
          ...engineEnv(),
          ARMORCLAW_LOOPS: JSON.stringify({ heartbeat: { workspace: { size_bytes: sizeBytes } } }),
        };
        await using killed = await startTestDaemon({ engine, env });
        await killed.client.agent.start({ agent_type: "heartbeat" });
        const first = await workspaceOf(killed);
        writeFileSync(join(first, "kept"), "kept");
        expect(() => writeFileSync(join(first, "much"), Buffer.alloc(2 * sizeBytes))).toThrow(/ENOSPC/);

        const [usage] = (await killed.client.agent.usage()).agents;
        expect(usage?.workspace_size_bytes).toBeLessThanOrEqual(sizeBytes);
        // After a write that does not fit, the kernel may free some of its blocks.
        expect((usage?.workspace_bytes ?? 0) / (usage?.workspace_size_bytes ?? 1)).toBeGreaterThan(0.5);
        expect((await killed.cli(["agent", "usage"])).stdout).toMatch(
          /WORKSPACE\nheartbeat-1 .* [\d.]+ MiB of [\d.]+ MiB\n/,
        );

        await killed.end("SIGKILL");
        await using daemon = await startTestDaemon({ engine, env, directories: killed.directories });
        await until("the agent is taken over", async () => {
          const { agents } = await daemon.client.agent.list({});
          return agents.some(({ state }) => state === "running");
        });
        expect(await workspaceOf(daemon)).toBe(first);

        await daemon.client.agent.restart({ agent_id: "heartbeat-1" });
        const second = await workspaceOf(daemon);
        expect(second).not.toBe(first);
        expect(readFileSync(join(second, "kept"), "utf8")).toBe("kept");
        expect(await daemon.cli(["agent", "remove-workspace", "heartbeat-1"])).toMatchObject({
          stderr: expect.stringContaining("AGENT_STATE_CONFLICT"),
        });

        await daemon.client.agent.stop({ agent_id: "heartbeat-1" });
        const images = join(daemon.directories.state, "workspaces");
        expect(existsSync(join(images, "heartbeat-1.ext4"))).toBe(true);
        expect(await daemon.cli(["agent", "remove-workspace", "heartbeat-1"])).toMatchObject({ code: 0 });
        expect(existsSync(join(images, "heartbeat-1.ext4"))).toBe(false);
        await daemon.client.agent.start({ agent_type: "heartbeat", name: AgentId.parse("heartbeat-1") });
        expect(readdirSync(await workspaceOf(daemon))).toEqual(["lost+found"]);
      }, 60_000);
    },
    ["sandbox", "docker"],
  ),
);

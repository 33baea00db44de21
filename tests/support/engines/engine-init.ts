import { expect, test } from "@jest/globals";
import { speechMounts } from "../../../bridge/containers/agent-image/speech-programs.ts";
import type { Engine } from "../../../bridge/containers/index.ts";
import { until } from "../until.ts";
import { probeLimits, startProbe } from "./engine-harness.ts";

/** Starts a process that leaves an orphan when it ends. Returns the orphan's pid. */
const leaveOneBehind = `import("node:child_process").then((child) => {
  const inner = 'process.stdout.write(String(require("node:child_process").spawn(process.execPath, ["-e", "0"], ' +
    '{ detached: true, stdio: "ignore" }).pid)); process.exit(0)';
  const { error, stdout } = child.spawnSync(process.execPath, ["-e", inner], { encoding: "utf8" });
  return error?.code ?? Number(stdout) })`;

/** Returns the states of processes other than the agent and its init. */
const others = `import("node:fs").then((fs) => fs.readdirSync("/proc")
  .filter((name) => Number(name) > 1 && Number(name) !== process.pid)
  .map((name) => { try { return fs.readFileSync("/proc/" + name + "/stat", "utf8") } catch { return "" } })
  .filter(Boolean))`;

/** Returns what an agent can read about process 1 of its container. */
const aboutInit = `import("node:fs").then((fs) => ["cmdline", "environ"]
  .map((name) => fs.readFileSync("/proc/1/" + name, "utf8")).join())`;

/** Registers the test of orphans of agents that may start programs. */
export function initConformance(engine: () => Engine, directory: string): void {
  const mayStartPrograms = speechMounts().length > 0;
  const name = mayStartPrograms ? "leaves no dead processes behind" : "starts none where the host has none";
  test(`an agent that may start the host's programs ${name}`, async () => {
    const limits = { ...probeLimits, pids: 128 };
    await using probe = await startProbe(engine(), directory, { grants: ["speech.programs"], limits });
    const left: unknown[] = [];
    for (let i = 0; i < 5; i++) left.push(await probe.evaluate(leaveOneBehind));
    const expected = mayStartPrograms ? expect.any(Number) : expect.stringMatching(/^E/);
    expect(left).toEqual(Array.from(left, () => expected));
    await until("they are gone", async () => ((await probe.evaluate(others)) as string[]).length === 0);
    expect(await probe.evaluate(aboutInit)).not.toContain(directory);
    // A stop reaches the agent itself and not only its init, and the agent's own end is reported.
    await probe.container.stop(10_000);
    expect(await probe.container.exited).toMatchObject({ code: 0, reason: "completed" });
  }, 60_000);
}
